"""Runs the emulator in a session of its own, so that a signal to the terminal does not reach it.

The first byte on stdin says how long to stay: `k` keeps running after the parent has gone, `f` follows
the parent into its end. No byte at all means that the parent died before it wrote this process down.
"""

import os
import signal
import sys
import threading
import traceback


def follow_parent():
    os.read(0, 1)
    os.kill(os.getpid(), signal.SIGTERM)


os.setsid()
os.umask(0o077)
mode = os.read(0, 1)
if mode == b"k":
    os.dup2(os.open(os.devnull, os.O_RDONLY), 0)
elif mode == b"f":
    threading.Thread(target=follow_parent, daemon=True).start()
else:
    sys.exit(0)

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
import functions  # noqa: E402, F401
import gateway  # noqa: E402, F401
import services  # noqa: E402, F401
from ministack.app import main  # noqa: E402

sys.argv = ["ministack"]
try:
    main()
except Exception:
    traceback.print_exc()
finally:
    # Its workers run functions; none may outlive it. The state has been saved by now.
    sys.stdout.flush()
    sys.stderr.flush()
    os.killpg(os.getpgid(0), signal.SIGKILL)
