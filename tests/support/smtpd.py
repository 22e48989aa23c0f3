"""A mail server for tests: a thread that speaks as much of RFC 5321 and RFC 3207 as a sender needs, and misbehaves on
demand."""

from __future__ import annotations

import datetime
import socketserver
import ssl
import threading
from base64 import b64decode
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from email import message_from_bytes, policy
from email.message import EmailMessage
from ipaddress import ip_address
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID


@dataclass
class Mailhost:
    """How it behaves, and what it saw."""

    certificate: ssl.SSLContext | None = None
    starttls: bool = True
    auth: bool = False
    answers: dict[str, list[str]] = field(default_factory=dict)
    """What is said instead of `250` to a command (`RCPT`, `DATA`, `.`, `MAIL`, `AUTH`), each once; `drop` closes the line,
    `hang` says nothing."""
    mails: list[EmailMessage] = field(default_factory=list)
    recipients: list[str] = field(default_factory=list)
    logins: list[tuple[str, str]] = field(default_factory=list)
    in_clear: list[str] = field(default_factory=list)
    """Commands that came before the line was encrypted."""
    port: int = 0
    let_go: threading.Event = field(default_factory=threading.Event)

    def answer(self, command: str, usual: str) -> str:
        waiting = self.answers.get(command)
        return waiting.pop(0) if waiting else usual


class _Talk(socketserver.StreamRequestHandler):
    host: Mailhost

    def handle(self) -> None:
        with suppress(OSError, ssl.SSLError):
            self._talk()

    def _say(self, text: str) -> bool:
        """False where the line is to be closed."""
        if text == "drop":
            return False
        if text == "hang":
            self.host.let_go.wait(20)
            return False
        self.wfile.write(text.encode() + b"\r\n")
        self.wfile.flush()
        return True

    def _talk(self) -> None:
        host, secure = self.host, False
        self._say("220 mail.test ESMTP")
        while line := self.rfile.readline():
            text = line.decode(errors="replace").strip()
            word = text.partition(" ")[0].upper()
            if not secure:
                host.in_clear.append(word)
            if word == "EHLO":
                offers = ["mail.test", "8BITMIME"]
                offers += ["STARTTLS"] if host.starttls and not secure else []
                offers += ["AUTH PLAIN"] if host.auth and secure else []
                said = "\r\n".join(
                    f"250{' ' if n == len(offers) - 1 else '-'}{offer}" for n, offer in enumerate(offers)
                )
            elif word == "STARTTLS" and host.certificate is not None:
                self._say("220 go on")
                self.request = host.certificate.wrap_socket(self.request, server_side=True)
                self.rfile, self.wfile, secure = self.request.makefile("rb"), self.request.makefile("wb"), True
                continue
            elif word == "AUTH":
                _, name, password = b64decode(text.split()[2]).decode().split("\0")
                host.logins.append((name, password))
                said = host.answer("AUTH", "235 welcome")
            elif word == "DATA":
                said = host.answer("DATA", "354 go on")
                if not self._say(said):
                    return
                if not said.startswith("354"):
                    continue
                said = self._take_mail()
            elif word == "QUIT":
                self._say("221 bye")
                return
            else:
                if word == "RCPT":
                    host.recipients.append(text)
                said = host.answer(word, "250 fine")
            if not self._say(said):
                return

    def _take_mail(self) -> str:
        lines = []
        while (line := self.rfile.readline()) and line != b".\r\n":
            lines.append(line.removeprefix(b".") if line.startswith(b"..") else line)
        said = self.host.answer(".", "250 taken")
        if said.startswith("250"):
            self.host.mails.append(message_from_bytes(b"".join(lines), policy=policy.default))
        return said


@contextmanager
def mailhost(host: Mailhost) -> Iterator[Mailhost]:
    """Serves on a free port of localhost."""
    handler = type("Talk", (_Talk,), {"host": host})
    with socketserver.ThreadingTCPServer(("127.0.0.1", 0), handler) as server:
        server.daemon_threads = True
        server.block_on_close = False
        host.port = server.server_address[1]
        thread = threading.Thread(target=server.serve_forever, daemon=True)
        thread.start()
        try:
            yield host
        finally:
            host.let_go.set()
            server.shutdown()
            thread.join(5)


def certificate(folder: Path, name: str = "localhost") -> tuple[Path, ssl.SSLContext]:
    """A certificate of its own authority: (what a client has to trust, a server's context)."""
    key = ec.generate_private_key(ec.SECP256R1())
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
    now = datetime.datetime.now(datetime.UTC)
    names: list[x509.GeneralName] = [x509.DNSName(name)]
    if name == "localhost":
        names.append(x509.IPAddress(ip_address("127.0.0.1")))
    made = (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(subject)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - datetime.timedelta(days=1))
        .not_valid_after(now + datetime.timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName(names), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .sign(key, hashes.SHA256())
    )
    trusted, private = folder / f"{name}.pem", folder / f"{name}.key"
    trusted.write_bytes(made.public_bytes(serialization.Encoding.PEM))
    private.write_bytes(
        key.private_bytes(
            serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
        )
    )
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(trusted, private)
    return trusted, context
