"""The web page, and the server behind it: `byhand serve`.

application.py puts the parts together and server.py runs them. routes.py lists every address;
guard.py is what every request passes first. readings.py (drawings and pages), inside.py (a
network's layers, gradients, steps), training.py with worker.py (a process that trains) and
records.py (reports) do the work, on threads (threads.py) and processes (processes.py, tasks.py);
networks.py lists the networks. static/ is the page: index.html, js/ (a module a tab), styles/,
texts/ (a file a language).
"""

from byhand.app.application import Settings, create_app

__all__ = ["Settings", "create_app"]
