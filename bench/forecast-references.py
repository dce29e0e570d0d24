"""Makes the fixtures of test/fixtures/forecast: what Keras answers for 20 architectures.

    python3 -m venv venv && venv/bin/pip install keras numpy scipy jax
    KERAS_BACKEND=numpy venv/bin/python bench/forecast-references.py test/fixtures/forecast

Each fixture is a TensorFlow.js layers model (topology as Keras 3 spells it, or as Keras 2 does) with weights, two
windows and Keras's answers for them. Weights are drawn from a seed, so the files can be made again.
"""

import json
import os
import sys

os.environ.setdefault("KERAS_BACKEND", "numpy")
import keras  # noqa: E402
import numpy as np  # noqa: E402

L = keras.layers


def sequential(steps, inputs, *layers):
    return keras.Sequential([keras.Input((steps, inputs)), *layers])


def branched(steps, inputs, units, outputs, merge):
    window = keras.Input((steps, inputs), name="window")
    line = L.Dense(outputs, name="line")(L.Flatten(name="flat")(window))
    paths = [L.Dense(outputs, name=f"rest_{u}")(L.LSTM(u, name=f"lstm_{u}")(window)) for u in units]
    rest = L.Average(name="rest")(paths) if len(paths) > 1 else paths[0]
    out = L.Add(name="sum")([line, rest]) if merge == "add" else L.Average(name="mean")([line, rest])
    return keras.Model(window, out)


MODELS = {
    "one-unit": lambda: sequential(1, 1, L.LSTM(1), L.Dense(1)),
    "narrow": lambda: sequential(5, 2, L.LSTM(3), L.Dense(2)),
    "block": lambda: sequential(6, 8, L.LSTM(8), L.Dense(8)),
    "block-and-one": lambda: sequential(6, 9, L.LSTM(9), L.Dense(9)),
    "block-less-one": lambda: sequential(6, 7, L.LSTM(7), L.Dense(7)),
    "prime": lambda: sequential(11, 13, L.LSTM(17), L.Dense(5)),
    "measured": lambda: sequential(24, 6, L.LSTM(64), L.Dense(6)),
    "one-output": lambda: sequential(24, 8, L.LSTM(32), L.Dense(1)),
    "long": lambda: sequential(120, 4, L.LSTM(20), L.Dense(3)),
    "relu": lambda: sequential(12, 5, L.LSTM(16), L.Dense(12, activation="relu"), L.Dense(2)),
    "tanh": lambda: sequential(12, 5, L.LSTM(16), L.Dense(12, activation="tanh"), L.Dense(2)),
    "sigmoid": lambda: sequential(12, 5, L.LSTM(16), L.Dense(3, activation="sigmoid")),
    "no-bias": lambda: sequential(8, 4, L.LSTM(10, use_bias=False), L.Dense(4, use_bias=False)),
    "stacked": lambda: sequential(12, 6, L.LSTM(20, return_sequences=True), L.LSTM(12), L.Dense(3)),
    "stacked-three": lambda: sequential(
        9, 4, L.LSTM(9, return_sequences=True), L.LSTM(11, return_sequences=True), L.LSTM(5), L.Dense(2)
    ),
    "dropout": lambda: sequential(
        12, 6, L.LSTM(20, return_sequences=True), L.Dropout(0.3), L.LSTM(12, dropout=0.2), L.Dropout(0.5), L.Dense(3)
    ),
    "flat": lambda: sequential(7, 5, L.Flatten(), L.Dense(10, activation="relu"), L.Dense(4)),
    "added": lambda: branched(8, 5, [12], 6, "add"),
    "averaged": lambda: branched(8, 5, [6, 13, 16], 6, "average"),
    "shipped-shape": lambda: branched(24, 14, [30, 31, 32], 6, "add"),
}

# Written as Keras 2 spells them, so that both are read.
KERAS2 = {"narrow", "stacked", "added", "dropout"}


def keras2(value):
    """The Keras 2 spelling of a Keras 3 configuration."""
    if isinstance(value, list):
        return [keras2(v) for v in value]
    if not isinstance(value, dict):
        return value
    if value.get("class_name") == "DTypePolicy":
        return value["config"]["name"]
    if "module" in value and "registered_name" in value and "inbound_nodes" not in value:
        value = {"class_name": value["class_name"], "config": value["config"]}
    out = {}
    for key, v in value.items():
        if key in ("module", "registered_name", "build_config"):
            continue
        if key == "inbound_nodes":
            out[key] = [[[name, 0, 0, {}] for name in histories(node["args"])] for node in v]
        elif key in ("input_layers", "output_layers"):
            out[key] = [v] if isinstance(v[0], str) else v
        elif key == "batch_shape":
            out["batch_input_shape"] = v
        else:
            out[key] = keras2(v)
    return out


def histories(value):
    if isinstance(value, dict):
        return [value["config"]["keras_history"][0]] if value.get("class_name") == "__keras_tensor__" else []
    return [name for v in value for name in histories(v)]


def main(folder):
    for seed, (name, make) in enumerate(MODELS.items()):
        keras.backend.clear_session()
        random = np.random.default_rng(seed)
        model = make()
        weights = []
        for variable in model.weights:
            shape = tuple(variable.shape)
            value = random.normal(0, 0.9 / np.sqrt(shape[0]), shape).astype("float32")
            variable.assign(value)
            weights.append((variable.path, value))
        steps, inputs = model.input_shape[1:]
        windows = random.uniform(-1.5, 1.5, (2, steps, inputs)).astype("float32")
        answers = np.asarray(model(windows, training=False), dtype="float64")
        config = json.loads(model.to_json())
        if name in KERAS2:
            config = keras2(config)
        out = os.path.join(folder, name)
        os.makedirs(out, exist_ok=True)
        with open(os.path.join(out, "weights.bin"), "wb") as file:
            for _, value in weights:
                file.write(value.astype("<f4").tobytes())
        document = {
            "format": "layers-model",
            "generatedBy": f"keras {keras.__version__}",
            "convertedBy": "bench/forecast-references.py",
            "modelTopology": config if name in KERAS2 else {"keras_version": keras.__version__, "model_config": config},
            "weightsManifest": [
                {
                    "paths": ["weights.bin"],
                    "weights": [{"name": path, "shape": list(v.shape), "dtype": "float32"} for path, v in weights],
                }
            ],
        }
        with open(os.path.join(out, "model.json"), "w") as file:
            json.dump(document, file)
        with open(os.path.join(out, "answers.json"), "w") as file:
            json.dump({"windows": windows.round(9).tolist(), "answers": answers.tolist()}, file)
        print(name, answers.shape, float(np.abs(answers).max()))


main(sys.argv[1])
