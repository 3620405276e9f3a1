"""A terminal for tests: runs a program on a pseudo-terminal and plays a script on it.

terminal.py SCRIPT PROGRAM ARGUMENT...

SCRIPT has a JSON list a line: ["send", TEXT], ["expect", REGEX] (in what was written since the last
match, without the terminal's own commands), ["size", COLUMNS, ROWS], ["run", COMMAND] (in a shell),
["signal", NUMBER] (to the program), ["cook"] (the terminal takes lines, as a shell leaves it),
["end"] (the program ends; prints its exit status), ["close"] (the terminal goes and the program
ends; it is told by no signal, as under nohup). What an expect waits for in vain is told with all
that was seen; exit status 1."""
import fcntl
import json
import os
import pty
import re
import select
import signal
import struct
import subprocess
import sys
import termios
import time

PATIENCE = float(os.environ.get("MW_PATIENCE", 10))
COMMANDS = re.compile(r"\x1b\[[0-9;?]*[A-Za-z]|\x1b[()][A-Z0-9]|\x1b[=>78]|\x07|\x0f")


class Terminal:
    def __init__(self, arguments):
        self.seen = self.fresh = ""
        self.pid, self.fd = pty.fork()
        if self.pid == 0:
            signal.signal(signal.SIGHUP, signal.SIG_IGN)
            os.execvp(arguments[0], arguments)
        self.size(100, 30)

    def read(self, seconds):
        """Reads what comes; False when the other side has gone."""
        if not select.select([self.fd], [], [], seconds)[0]:
            return True
        try:
            data = os.read(self.fd, 65536)
        except OSError:
            data = b""
        text = data.decode("utf-8", "replace")
        self.seen += text
        self.fresh += text
        return bool(data)

    def size(self, columns, rows):
        fcntl.ioctl(self.fd, termios.TIOCSWINSZ, struct.pack("HHHH", rows, columns, 0, 0))

    def send(self, text):
        os.write(self.fd, text.encode())

    def run(self, command):
        subprocess.run(command, shell=True, check=True, stdout=subprocess.DEVNULL)

    def signal(self, number):
        os.kill(self.pid, number)

    def cook(self):
        modes = termios.tcgetattr(self.fd)
        modes[3] |= termios.ICANON | termios.ECHO | termios.ISIG
        termios.tcsetattr(self.fd, termios.TCSANOW, modes)

    def expect(self, pattern):
        give_up, is_there = time.monotonic() + PATIENCE, True
        while True:
            plain = COMMANDS.sub("", self.fresh)
            found = re.search(pattern, plain)
            if found:
                self.fresh = plain[found.end():]
                return
            if not is_there or time.monotonic() > give_up:
                sys.exit("waited in vain for %r; seen:\n%s" % (pattern, self.seen))
            is_there = self.read(0.1)

    def end(self):
        give_up = time.monotonic() + PATIENCE
        while self.read(0.1):
            if time.monotonic() > give_up:
                os.kill(self.pid, 9)
                sys.exit("it does not end; seen:\n%s" % self.seen)
        status = os.waitpid(self.pid, 0)[1]
        print("status", os.waitstatus_to_exitcode(status))

    def close(self):
        os.close(self.fd)
        give_up, gone = time.monotonic() + PATIENCE, 0
        while not gone:
            if time.monotonic() > give_up:
                os.kill(self.pid, 9)
                sys.exit("it does not end without its terminal")
            time.sleep(0.01)
            gone, status = os.waitpid(self.pid, os.WNOHANG)
        print("status", os.waitstatus_to_exitcode(status))


def main():
    terminal = Terminal(sys.argv[2:])
    with open(sys.argv[1], encoding="utf-8") as script:
        for line in script:
            name, *arguments = json.loads(line)
            getattr(terminal, name)(*arguments)


main()
