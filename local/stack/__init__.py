"""AWS Lambda on a laptop: runs the functions of a SAM template without Docker. It knows nothing of their purpose.

A project is declared once (`project.py`) and run by `supervisor.Stack`, which starts three processes:

- PostgreSQL (`postgres.py`), where the project has a database;
- the AWS services (`aws_server.py`; `aws.py` makes in them what the template declares), whose emails go to `inbox.py`;
- the gateway (`gateway.py`): HTTP API, queues (`queues.py`), schedules (`schedules.py`) and the project's own pages.

The gateway reads the template through `sam.py`, and calls functions through `environments.py`, whose processes
`fork_server.py` forks. `sam_local.py` serves the same API through `sam local`, in Docker.

Beside them: `account.py` (the made-up AWS account), `processes.py`, `server.py` (HTTP), `settings.py`, `state.py` (the
folder kept between runs) and `logs.py`.
"""
