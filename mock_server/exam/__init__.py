"""The exam of a client: situations in a world of the mock, judged by the requests of the client and
by what it reports to show."""
