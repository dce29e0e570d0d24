"""Windows by Flink SQL, for windows-flink.ts: python windows_flink.py jobs.json

A job names its input (files of records as CSV), its kind of windows, its watermark and where its windows go, as CSV.
Sources are bounded: at their end Flink sends the highest watermark, so all windows leave. Prints a line of JSON a job.
"""

import json
import sys
import time

from pyflink.table import EnvironmentSettings, TableEnvironment

# Nothing but this machine may reach what Flink opens while it runs.
LOCAL = "127.0.0.1"
OPTIONS = {
    "rest.address": LOCAL,
    "rest.bind-address": LOCAL,
    "jobmanager.rpc.address": LOCAL,
    "jobmanager.bind-host": LOCAL,
    "taskmanager.host": LOCAL,
    "taskmanager.bind-host": LOCAL,
    "table.local-time-zone": "UTC",
    "parallelism.default": "1",
    # After each record, not by the clock: else what is late would depend on how fast this machine is.
    "pipeline.auto-watermark-interval": "0 ms",
    "table.optimizer.agg-phase-strategy": "ONE_PHASE",
    # Flink's files of windows become whole with a checkpoint. What fails ends the run, else it would begin again for ever.
    "execution.checkpointing.interval": "5 s",
    "execution.checkpointing.storage": "filesystem",
    "restart-strategy.type": "none",
}


def windows_of(job):
    def length(name):
        return f"INTERVAL '{job[name] // 1000}' SECOND({len(str(job[name]))})"

    if job["by"] == "session":
        return f"SESSION(TABLE records PARTITION BY k, DESCRIPTOR(rt), {length('gap')})"
    if job["hop"] == job["size"]:
        return f"TUMBLE(TABLE records, DESCRIPTOR(rt), {length('size')})"
    return f"HOP(TABLE records, DESCRIPTOR(rt), {length('hop')}, {length('size')})"


def run(job):
    env = TableEnvironment.create(EnvironmentSettings.in_streaming_mode())
    own = {"parallelism.default": str(job["parallelism"]), "execution.checkpointing.dir": f"{job['output']}.checkpoints"}
    for name, value in {**OPTIONS, **own}.items():
        env.get_config().set(name, value)
    env.execute_sql(f"""
        CREATE TEMPORARY TABLE records (
            id BIGINT, k STRING, t BIGINT, v BIGINT, h1 BIGINT, h2 BIGINT, wm BIGINT,
            rt AS TO_TIMESTAMP_LTZ(t, 3),
            WATERMARK FOR rt AS {job["watermark"]}
        ) WITH ('connector' = 'filesystem', 'path' = '{job["input"]}', 'format' = 'csv')""")
    env.execute_sql(f"""
        CREATE TEMPORARY TABLE windows (
            k STRING, s STRING, e STRING, n BIGINT, total BIGINT, low BIGINT, high BIGINT, ids BIGINT, d1 BIGINT, d2 BIGINT
        ) WITH ('connector' = 'filesystem', 'path' = '{job["output"]}', 'format' = 'csv')""")
    env.execute_sql(f"""
        INSERT INTO windows
        SELECT k, CAST(window_start AS STRING), CAST(window_end AS STRING),
            COUNT(*), SUM(v), MIN(v), MAX(v), SUM(id), SUM(h1), SUM(h2)
        FROM TABLE({windows_of(job)})
        GROUP BY k, window_start, window_end""").wait()


for one in json.load(open(sys.argv[1])):
    began = time.perf_counter()
    run(one)
    print(json.dumps({"name": one["name"], "seconds": round(time.perf_counter() - began, 1)}), flush=True)
