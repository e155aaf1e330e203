"""The Automation runs API in plain Flask: threads, SQLite and real time, for reading and copying.

`app` answers, `checks` says what is wrong with a request, `run` holds the rules of a run's life,
`store` remembers, `worker` does the work, `automations` says which, and `__main__` serves.
"""
