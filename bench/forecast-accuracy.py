"""Contenders of the forecast: ridge, LightGBM (direct and delta) and a Keras LSTM, on the windows that
bench/forecast-accuracy.ts wrote. How to run both: docs/forecast-accuracy.md.

    python forecast-accuracy.py <folder> [--only ridge,lightgbm,keras] [--cases all,without-Dongsi]

Every contender is fitted on the training part and chosen (penalty, trees, settings, epoch) on the validation part. The truth
of the test part is not in the folder: what is written are forecasts of the validation and of the test windows, in
µg/m³. What is there already is not fitted again.
"""

import argparse
import json
import os
import time

import numpy as np

PENALTIES = [1, 10, 100, 1_000, 10_000]
# Settings of the trees that are tried, each with early stopping; the best by output is taken.
TREES = [
    {"num_leaves": 31, "min_data_in_leaf": 200},
    {"num_leaves": 12, "min_data_in_leaf": 100},
]
# Networks that are tried; the best on the validation part is taken.
NETWORKS = [
    {"units": 64, "delta": False, "dropout": 0.2, "rate": 1e-3},
    {"units": 64, "delta": True, "dropout": 0.2, "rate": 1e-3},
]
EPOCHS, PATIENCE, BATCH = 15, 3, 128


class Case:
    """Windows of a case: to train and choose without the station that is left out, to forecast with all of them."""

    def __init__(self, folder, name):
        with open(os.path.join(folder, "windows.json")) as file:
            self.about = json.load(file)
        self.name, self.folder = name, folder
        steps, inputs, outputs = (self.about[key] for key in ("steps", "inputs", "outputs"))
        self.series = self.read("series.f32", np.float32).reshape(-1, inputs)
        left_out = name.removeprefix("without-")
        index = self.about["stations"].index(left_out) if left_out != name else -1
        self.parts = {}
        for part in ("training", "validation", "test"):
            starts = self.read(f"{part}.starts.i32", np.int32)
            last = self.read(f"{part}.last.f32", np.float32).reshape(-1, outputs)
            station = self.read(f"{part}.station.i32", np.int32)
            data = {"starts": starts, "last": last, "used": station != index}
            if part != "test":
                data["truth"] = self.read(f"{part}.truth.f32", np.float32).reshape(-1, outputs)
            self.parts[part] = data
        used = self.parts["training"]["used"]
        rows = self.series[self.parts["training"]["starts"][used] + steps - 1]
        self.scaled = ((self.series - rows.mean(0)) / rows.std(0)).astype(np.float32)

    def read(self, name, kind):
        return np.fromfile(os.path.join(self.folder, name), dtype=kind)

    def windows(self, part, used=False):
        """[windows, steps, inputs]"""
        starts = self.parts[part]["starts"]
        if used:
            starts = starts[self.parts[part]["used"]]
        return self.scaled[starts[:, None] + np.arange(self.about["steps"])[None, :]]

    def wanted(self, part, delta):
        """Truth, or its change from the last value, of the windows that are used."""
        data = self.parts[part]
        return (data["truth"] - data["last"] * delta)[data["used"]]

    def file(self, contender, part):
        return os.path.join(self.folder, "forecasts", self.name, f"{contender}.{part}.f32")

    def done(self, contender):
        return all(os.path.exists(self.file(contender, part)) for part in ("validation", "test"))

    def write(self, contender, forecasts, about):
        os.makedirs(os.path.join(self.folder, "forecasts", self.name), exist_ok=True)
        for part, values in forecasts.items():
            np.maximum(values, 0).astype("<f4").tofile(self.file(contender, part))
        with open(os.path.join(self.folder, "forecasts", self.name, f"{contender}.json"), "w") as file:
            json.dump(about, file, indent=1)

    def validation_rmse(self, values):
        data = self.parts["validation"]
        return np.sqrt(np.nanmean((values[data["used"]] - data["truth"][data["used"]]) ** 2, axis=0))


def say(*words):
    print(time.strftime("%H:%M:%S"), *words, flush=True)


def ridge(case):
    """Of the change, on the flattened window; windows of which a truth is missing are left out."""
    wanted = case.wanted("training", True)
    known = ~np.isnan(wanted).any(axis=1)
    design = case.windows("training", True).reshape(len(wanted), -1)[known].astype(np.float64)
    means, target_means = design.mean(0), wanted[known].mean(0)
    design -= means
    gram, right = design.T @ design, design.T @ (wanted[known] - target_means)
    maps = [np.linalg.solve(gram + penalty * np.eye(len(gram)), right) for penalty in PENALTIES]

    def forecast(weights, part):
        flat = case.windows(part).reshape(len(case.parts[part]["starts"]), -1)
        return case.parts[part]["last"] + (flat - means) @ weights + target_means

    spread = np.nanstd(wanted, axis=0)
    scores = [float(((case.validation_rmse(forecast(one, "validation")) / spread) ** 2).sum()) for one in maps]
    best = int(np.argmin(scores))
    say(case.name, "ridge", PENALTIES[best], case.validation_rmse(forecast(maps[best], "validation")))
    case.write("ridge", {part: forecast(maps[best], part) for part in ("validation", "test")}, {"penalty": PENALTIES[best]})


def lightgbm(case, delta):
    import lightgbm as lgb

    name = f"lightgbm-{'delta' if delta else 'direct'}"
    outputs = case.about["outputs"]
    # the clock is the same in every step: once is enough
    steps, inputs, clock = case.about["steps"], case.about["inputs"], case.about["clock"]
    columns = [t * inputs + i for t in range(steps) for i in range(inputs) if i not in clock or t == steps - 1]

    def flat(part, used=False):
        windows = case.windows(part, used)
        return windows.reshape(len(windows), -1)[:, columns]

    train, choose = case.wanted("training", delta), case.wanted("validation", delta)
    forecasts = {part: case.parts[part]["last"] * delta + np.zeros((1, outputs)) for part in ("validation", "test")}
    tables = {part: flat(part) for part in forecasts}
    table, choosing = flat("training", True), flat("validation", True)
    sets = lgb.Dataset(table, params={"max_bin": 63, "verbose": -1}, free_raw_data=False).construct()
    other = lgb.Dataset(choosing, reference=sets, free_raw_data=False).construct()
    chosen = []
    for output in range(outputs):
        tried = []
        for labels, data in ((train, sets), (choose, other)):
            data.set_label(np.nan_to_num(labels[:, output]))
            data.set_weight((~np.isnan(labels[:, output])).astype(np.float32))
        for settings in TREES:
            begun = time.perf_counter()
            scores = {}
            model = lgb.train(
                {
                    "objective": "regression",
                    "metric": "rmse",
                    "learning_rate": 0.05,
                    "feature_fraction": 0.2,
                    "bagging_fraction": 0.5,
                    "bagging_freq": 1,
                    "lambda_l2": 10,
                    "num_threads": int(os.environ.get("THREADS", "1")),
                    "seed": 1,
                    "verbose": -1,
                    **settings,
                },
                sets,
                num_boost_round=1000,
                valid_sets=[other],
                valid_names=["validation"],
                callbacks=[lgb.early_stopping(30, verbose=False), lgb.record_evaluation(scores)],
            )
            tried.append((model.best_score["validation"]["rmse"], settings, model))
            say(case.name, name, output, settings, model.best_iteration, round(tried[-1][0], 3), f"{time.perf_counter() - begun:.0f} s")
        score, settings, model = min(tried, key=lambda one: one[0])
        chosen.append({**settings, "trees": model.best_iteration, "validation": score})
        for part, values in forecasts.items():
            values[:, output] += model.predict(tables[part], num_iteration=model.best_iteration, num_threads=1)
    case.write(name, forecasts, {"chosen": chosen})


def keras_lstm(case):
    os.environ["CUDA_VISIBLE_DEVICES"] = ""
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")
    import keras
    import tensorflow as tf

    tf.config.threading.set_intra_op_parallelism_threads(int(os.environ.get("THREADS", "1")))
    tf.config.threading.set_inter_op_parallelism_threads(1)
    steps, inputs, outputs = (case.about[key] for key in ("steps", "inputs", "outputs"))
    tried = []
    # what is left out of the stations is forecast by what was chosen with all of them
    networks = NETWORKS if case.name == "all" else [chosen_network(case)]
    for number, network in enumerate(networks):
        keras.utils.set_random_seed(1)
        wanted, choose = case.wanted("training", network["delta"]), case.wanted("validation", network["delta"])
        known, chosen = ~np.isnan(wanted).any(axis=1), ~np.isnan(choose).any(axis=1)
        mean, spread = wanted[known].mean(0), wanted[known].std(0)
        model = keras.Sequential(
            [
                keras.Input((steps, inputs)),
                keras.layers.LSTM(network["units"]),
                keras.layers.Dropout(network["dropout"]),
                keras.layers.Dense(outputs),
            ]
        )
        model.compile(keras.optimizers.Adam(network["rate"], clipnorm=1.0), "mse")
        begun = time.perf_counter()
        history = model.fit(
            case.windows("training", True)[known],
            (wanted[known] - mean) / spread,
            validation_data=(case.windows("validation", True)[chosen], (choose[chosen] - mean) / spread),
            epochs=EPOCHS,
            batch_size=BATCH,
            verbose=2,
            callbacks=[keras.callbacks.EarlyStopping(patience=PATIENCE, restore_best_weights=True)],
        )
        forecasts = {
            part: case.parts[part]["last"] * network["delta"] + model.predict(case.windows(part), batch_size=1024, verbose=0) * spread + mean
            for part in ("validation", "test")
        }
        errors = case.validation_rmse(forecasts["validation"])
        about = {**network, "epochs": int(np.argmin(history.history["val_loss"])) + 1, "seconds": time.perf_counter() - begun}
        say(case.name, about, errors)
        # both kinds on one scale: squared error beside the spread of the change
        score = float(((errors / np.nanstd(case.wanted("training", True), axis=0)) ** 2).sum())
        tried.append((score, number, forecasts, about))
    score, number, forecasts, about = min(tried, key=lambda one: one[0])
    case.write("keras-lstm", forecasts, {"network": number, "score": score, **about, "tried": [one[3] for one in tried]})


def epoch(case, count):
    """CPU seconds of an epoch after the first, for bench/forecast-epoch.ts."""
    os.environ["CUDA_VISIBLE_DEVICES"] = ""
    os.environ.update(OMP_NUM_THREADS="1", TF_CPP_MIN_LOG_LEVEL="2")
    import keras
    import tensorflow as tf

    tf.config.threading.set_intra_op_parallelism_threads(1)
    tf.config.threading.set_inter_op_parallelism_threads(1)
    wanted = case.wanted("training", True)
    known = np.flatnonzero(~np.isnan(wanted).any(axis=1))[:count]
    targets = (wanted[known] - wanted[known].mean(0)) / wanted[known].std(0)
    keras.utils.set_random_seed(1)
    shape = (case.about["steps"], case.about["inputs"])
    model = keras.Sequential([keras.Input(shape), keras.layers.LSTM(64), keras.layers.Dense(case.about["outputs"])])
    model.compile(keras.optimizers.Adam(1e-3, clipnorm=1.0), "mse")
    windows = case.windows("training", True)[known]
    model.fit(windows, targets, epochs=1, batch_size=BATCH, verbose=0)
    begun = time.process_time()
    model.fit(windows, targets, epochs=1, batch_size=BATCH, verbose=0)
    print(f"epoch {time.process_time() - begun:.3f}")


def chosen_network(case):
    with open(os.path.join(case.folder, "forecasts", "all", "keras-lstm.json")) as file:
        return NETWORKS[json.load(file)["network"]]


CONTENDERS = {
    "ridge": ridge,
    "lightgbm-delta": lambda case: lightgbm(case, True),
    "lightgbm-direct": lambda case: lightgbm(case, False),
    "keras-lstm": keras_lstm,
}


def main():
    reader = argparse.ArgumentParser()
    reader.add_argument("folder")
    reader.add_argument("--only", default="ridge,lightgbm,keras")
    reader.add_argument("--cases", default="")
    reader.add_argument("--epoch", type=int, default=0, help="only time an epoch of so many windows")
    given = reader.parse_args()
    if given.epoch:
        return epoch(Case(given.folder, "all"), given.epoch)
    with open(os.path.join(given.folder, "windows.json")) as file:
        stations = json.load(file)["stations"]
    names = given.cases.split(",") if given.cases else ["all", *(f"without-{name}" for name in stations)]
    for name in names:
        case = Case(given.folder, name)
        for contender, fit in CONTENDERS.items():
            if not any(contender.startswith(one) for one in given.only.split(",")) or case.done(contender):
                continue
            fit(case)


if __name__ == "__main__":
    main()
