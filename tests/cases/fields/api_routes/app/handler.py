def answer(event, context):
    return {"statusCode": 200, "body": '{"text": "one"}'}
