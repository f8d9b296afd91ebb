"""What every peer in Python does: it is told on one line what to serve, says where it listens, and ends when its input does."""

import json
import os
import socket
import sys
import threading


def told() -> dict:
    return json.loads(sys.stdin.readline())


def listening() -> socket.socket:
    """Listens where there is room, and says where."""

    def end_with_input() -> None:
        sys.stdin.read()
        os._exit(0)

    threading.Thread(target=end_with_input, daemon=True).start()
    socket_ = socket.create_server(("127.0.0.1", 0), backlog=1024)
    print(f"listening on http://127.0.0.1:{socket_.getsockname()[1]}", flush=True)
    return socket_
