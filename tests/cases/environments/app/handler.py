def answer(event, context):
    return {"statusCode": 200, "body": "one"}


def other(event, context):
    return {"statusCode": 200, "body": "other"}
