"""When things happen: thin Airflow DAGs over the functions of `wuyu`; the only place that imports airflow."""
