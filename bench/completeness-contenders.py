"""The same questions to pandas or DuckDB: python completeness-contenders.py pandas|duckdb file.csv

Prints one line of JSON: what was found, seconds, CPU seconds, and the largest resident size in MB.
"""

import json
import os
import resource
import sys
import time

STEP = 3
COLUMNS = ["currenttemp", "dust", "ultradust", "ozone"]
# an address space of its own: a contender that needs more fails alone
LIMIT = int(os.environ.get("CONTENDER_LIMIT_GB", "16")) * 1024**3


def with_pandas(file):
    import pandas as pd

    frame = pd.read_csv(file, parse_dates=["date"])
    found = {"rows": len(frame), "missing": {name: int(frame[name].isna().sum()) for name in COLUMNS}}
    dates = frame["date"]
    found["outOfOrder"] = int((dates < dates.cummax()).sum())
    found["duplicates"] = int(dates.duplicated().sum())
    steps = dates.drop_duplicates().sort_values().diff().dt.total_seconds()
    gaps = steps[steps > STEP * 1.5]
    found["gaps"] = len(gaps)
    found["missingReadings"] = int((gaps / STEP - 1).sum())
    return found


def with_duckdb(file):
    import duckdb

    db = duckdb.connect()
    db.execute(f"set memory_limit='{os.environ.get('DUCKDB_MEMORY', '8GB')}'; set temp_directory='{file}.duckdb'")
    types = "{'date': 'TIMESTAMP', 'currenttemp': 'DOUBLE', 'dust': 'DOUBLE', 'ultradust': 'DOUBLE', 'ozone': 'DOUBLE'}"
    source = f"read_csv('{file}', header=true, columns={types}, nullstr=['', 'NA'])"
    counts = ", ".join(f"count(*) - count({name})" for name in COLUMNS)
    rows, *missing = db.execute(f"select count(*), {counts} from {source}").fetchone()
    found = {"rows": rows, "missing": dict(zip(COLUMNS, missing))}
    distinct, gaps, lost = db.execute(
        f"""
        with times as (select distinct date from {source}),
             steps as (select date_diff('second', lag(date) over (order by date), date) as step from times)
        select count(*), count(*) filter (step > {STEP * 1.5}), sum(step / {STEP} - 1) filter (step > {STEP * 1.5}) from steps
        """
    ).fetchone()
    found.update(duplicates=rows - distinct, gaps=gaps, missingReadings=int(lost or 0))
    return found


def main():
    tool, file = sys.argv[1:3]
    resource.setrlimit(resource.RLIMIT_AS, (LIMIT, LIMIT))
    begun = time.perf_counter()
    found = {"pandas": with_pandas, "duckdb": with_duckdb}[tool](file)
    usage = resource.getrusage(resource.RUSAGE_SELF)
    print(
        json.dumps(
            {
                "found": found,
                "seconds": round(time.perf_counter() - begun, 1),
                "cpu": round(usage.ru_utime + usage.ru_stime, 1),
                "megabytes": round(usage.ru_maxrss / 1024),
            }
        )
    )


main()
