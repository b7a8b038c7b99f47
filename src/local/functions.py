"""Lets the emulator's functions go on working while they are changed, the way AWS does.

An environment that runs a request when its function is changed ends that request first; those that are idle go
at once. And a change of nothing but the role gives new environments too, for only these get its credentials.
"""

import threading

from ministack.core import lambda_runtime as runtime
from ministack.services import lambda_svc

kill_at_once = runtime.kill_workers
release_to_pool = runtime.release_worker
update_config = lambda_svc._update_config


def kill(workers):
    with runtime._lock:
        idle = [worker for worker in workers if not worker.in_use]
        for worker in workers:
            worker.retired = True
    kill_aside(idle)


def kill_aside(workers):
    # Each takes a tenth of a second and more to end, and whoever waits for that here answers nobody meanwhile:
    # the requests that run elsewhere would be over time before their calls are answered.
    threading.Thread(target=kill_at_once, args=(workers,), daemon=True).start()


def release(worker):
    release_to_pool(worker)
    if getattr(worker, "retired", False):
        # It takes a moment to end, and its answer is waiting.
        kill_aside([worker])


def update(name, data):
    answer = update_config(name, data)
    if answer[0] < 300 and "Role" in data:
        lambda_svc.invalidate_worker(name, qualifier="$LATEST")
    return answer


runtime.kill_workers = kill
runtime.release_worker = lambda_svc.release_worker = release
lambda_svc._update_config = update
