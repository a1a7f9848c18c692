"""A TCP proxy on loopback that plays a network which breaks."""
import socket
import threading


class Proxy:
    """A TCP proxy that can cut its connections, and refuse new ones for a while."""

    def __init__(self, port):
        self.to = port
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.port = self.listener.getsockname()[1]
        self.up, self.pairs, self.passed, self.cut_at, self.down_for = True, [], 0, None, 0
        threading.Thread(target=self.accept, daemon=True).start()

    def accept(self):
        while True:
            client, _ = self.listener.accept()
            if not self.up:
                client.close()
                continue
            server = socket.create_connection(("127.0.0.1", self.to))
            self.pairs.append((client, server))
            for one, other in ((client, server), (server, client)):
                threading.Thread(target=self.copy, args=(one, other, one is client), daemon=True).start()

    def copy(self, one, other, counts):
        try:
            while data := one.recv(65536):
                other.sendall(data)
                if counts:
                    self.passed += len(data)
                    if self.cut_at and self.passed >= self.cut_at:
                        self.cut_at = None
                        self.cut()
        except OSError:
            pass
        for end in (one, other):
            try:
                end.shutdown(socket.SHUT_RDWR)
            except OSError:
                pass

    def cut(self):
        self.up = False
        for pair in self.pairs:
            for end in pair:
                try:
                    end.shutdown(socket.SHUT_RDWR)
                except OSError:
                    pass
        self.pairs = []
        if self.down_for:
            threading.Timer(self.down_for, setattr, (self, "up", True)).start()
