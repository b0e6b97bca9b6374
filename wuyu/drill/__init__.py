"""The drill: everything as in service, a storm by the order of its arrival, faults by script, and a table at its end.

What is real: Airflow (scheduler, DAG processor, triggerer, API server), the mail server, the mailbox, the database, the
acknowledgement page. What is played: the storm, the towns that answer, the officer who signs, and whatever goes wrong.
"""
