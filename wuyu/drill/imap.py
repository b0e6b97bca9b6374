"""The mail server's other door in a drill: a Dovecot of its own over the box of the answers, where it is installed."""

from __future__ import annotations

import grp
import os
import pwd
import shutil
import tempfile
from pathlib import Path

from risk_models.files import write_whole
from wuyu.drill.house import free_port

__all__ = ["ImapServer", "choose_imap"]

USER = "duty"
#: Owns the box where root plays the drill: Dovecot opens no mail as root.
_OWNER = "mail"
_ROOM = """\
protocols = imap
listen = 127.0.0.1
base_dir = {folder}/run
state_dir = {folder}/state
log_path = {log}
ssl = no
disable_plaintext_auth = no
first_valid_uid = 1
mail_location = maildir:{folder}/box:INDEX=MEMORY:CONTROL={folder}/control
passdb {{
  driver = static
  args = password={password}
}}
userdb {{
  driver = static
  args = uid={uid} gid={gid} home={folder}/home
}}
service imap-login {{
  inet_listener imap {{
    port = {port}
  }}
  inet_listener imaps {{
    port = 0
  }}
}}
"""
#: Without root nothing can change its user or its root folder.
_ALONE = """\
default_internal_user = {user}
default_internal_group = {group}
default_login_user = {user}
service anvil {{
  chroot =
}}
service imap-login {{
  chroot =
}}
service stats {{
  chroot =
}}
"""


class ImapServer:
    """A Dovecot on a free port of this machine.

    The box lies in its temporary folder while the drill runs, so that it can be read by who may not enter the drill's
    own folder; a link stands in its place, and at the end the box itself.

    Parameters
    ----------
    box : Path
        Maildir of the answers; not yet there.
    password : str
    log : Path
    """

    def __init__(self, box: Path, password: str, log: Path) -> None:
        self.folder = Path(tempfile.mkdtemp(prefix="wuyu-imap-"))
        self.port = free_port()
        self.box = box
        self._configure(password, log)

    @property
    def command(self) -> list[str]:
        """What starts it."""
        return [_program(), "-F", "-c", str(self.folder / "dovecot.conf")]

    def variables(self) -> dict[str, str]:
        """Return how the service finds it; the password is the one that Dovecot was given."""
        where = {"HOST": "127.0.0.1", "PORT": str(self.port), "USER": USER, "SECURITY": "none"}
        return {f"WUYU_REPLY_IMAP_{name}": value for name, value in where.items()}

    def end(self) -> None:
        """Put the box in its place and take the rest away."""
        self.box.unlink(missing_ok=True)
        shutil.copytree(self.folder / "box", self.box)
        shutil.rmtree(self.folder, ignore_errors=True)

    def _configure(self, password: str, log: Path) -> None:
        is_root = os.geteuid() == 0
        owner = pwd.getpwnam(_OWNER) if is_root else pwd.getpwuid(os.geteuid())
        folders = [self.folder / name for name in ("box", "box/cur", "box/new", "box/tmp", "control", "home")]
        for folder in folders:
            folder.mkdir()
            if is_root:
                shutil.chown(folder, owner.pw_uid, owner.pw_gid)
        if is_root:
            self.folder.chmod(0o755)
        self.box.symlink_to(self.folder / "box")
        words = {"user": owner.pw_name, "group": grp.getgrgid(owner.pw_gid).gr_name}
        words |= {"uid": str(owner.pw_uid), "gid": str(owner.pw_gid), "password": password, "log": str(log)}
        text = _ROOM if is_root else _ROOM + _ALONE
        told = text.format(folder=self.folder, port=self.port, **words)
        write_whole(self.folder / "dovecot.conf", told)
        (self.folder / "dovecot.conf").chmod(0o600)


def choose_imap(box: Path, password: str, log: Path) -> ImapServer | None:
    """Return a server for a box, or None where Dovecot is not installed."""
    return ImapServer(box, password, log) if _program() else None


def _program() -> str:
    return shutil.which("dovecot", path=f"{os.environ.get('PATH', '')}:/usr/sbin:/usr/local/sbin") or ""
