"""TensorFlow's own SavedModels behind the paths that TensorFlow Serving documents (https://www.tensorflow.org/tfx/serving/api_rest).

    python tensorflow_rest.py config.json

config.json: {"port": …, "folder": …, "models": {"air": {"versions": {"1": "<folder of a model.json>"}, "labels": {"stable": "1"}}}}

Each version is a layers model of the pack. Keras makes a SavedModel of it in `folder`, once; what answers is the SavedModel as
TensorFlow loads it.
"""

import json
import os
import re
import sys
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")
import keras  # noqa: E402
import numpy as np  # noqa: E402
import tensorflow as tf  # noqa: E402

L = keras.layers
SIGNATURE = "serving_default"
tf.config.threading.set_intra_op_parallelism_threads(1)
tf.config.threading.set_inter_op_parallelism_threads(1)


def tensors_of(folder, manifest):
    tensors = {}
    for group in manifest:
        data = b"".join(open(os.path.join(folder, path), "rb").read() for path in group["paths"])
        at = 0
        for one in group["weights"]:
            count = int(np.prod(one["shape"]))
            tensors[one["name"]] = np.frombuffer(data, "<f4", count, at).reshape(one["shape"])
            at += 4 * count
    return tensors


def keras_model(folder):
    """The functional model that the pack's writer has described, with its weights."""
    with open(os.path.join(folder, "model.json"), encoding="utf-8") as file:
        described = json.load(file)
    config = described["modelTopology"]["config"]
    tensors = tensors_of(folder, described["weightsManifest"])
    made = {}
    parts = {"LSTM": ["kernel", "recurrent_kernel", "bias"], "Dense": ["kernel", "bias"]}
    for layer in config["layers"]:
        name, kind, settings = layer["name"], layer["class_name"], layer["config"]
        if kind == "InputLayer":
            made[name] = keras.Input(settings["batch_input_shape"][1:])
            continue
        sources = [made[source[0]] for source in layer["inbound_nodes"][0]]
        if kind == "LSTM":
            one = L.LSTM(settings["units"], return_sequences=settings["return_sequences"])
        elif kind == "Dense":
            one = L.Dense(settings["units"], activation=settings["activation"])
        else:
            one = {"Dropout": lambda: L.Dropout(settings["rate"]), "Flatten": L.Flatten, "Add": L.Add, "Average": L.Average}[kind]()
        made[name] = one(sources if kind in ("Add", "Average") else sources[0])
        if kind in parts:
            one.set_weights([tensors[f"{name}/{part}"] for part in parts[kind]])
    return keras.Model(made[config["input_layers"][0][0]], made[config["output_layers"][0][0]])


def saved_model(source, target):
    if not os.path.exists(os.path.join(target, "saved_model.pb")):
        model = keras_model(source)
        spec = tf.TensorSpec([None, *model.input_shape[1:]], tf.float32, name="window")
        module = tf.Module()
        module.model = model
        module.serve = tf.function(lambda window: {"forecast": model(window, training=False)}, input_signature=[spec])
        tf.saved_model.save(module, target, signatures={SIGNATURE: module.serve})
    return tf.saved_model.load(target)


class Refused(Exception):
    def __init__(self, status, message):
        super().__init__(message)
        self.status = status


class Model:
    def __init__(self, name, folder, described):
        self.name = name
        self.labels = described.get("labels", {})
        self.versions = {
            version: saved_model(source, os.path.join(folder, name, version))
            for version, source in described["versions"].items()
        }

    def version(self, version, label):
        if label is not None and label not in self.labels:
            raise Refused(400, f"Unrecognized servable version label: {label}")
        wanted = version or self.labels.get(label) or max(self.versions, key=int)
        if wanted not in self.versions:
            raise Refused(404, f"Servable not found for request: Specific({self.name}, {wanted})")
        return wanted, self.versions[wanted]


def tensor_info(name, spec, prefix):
    dims = [{"size": str(-1 if size is None else size), "name": ""} for size in spec.shape.as_list()]
    return {
        "dtype": "DT_" + spec.dtype.name.upper().replace("FLOAT32", "FLOAT"),
        "tensor_shape": {"dim": dims, "unknown_rank": False},
        "name": f"{prefix}_{name}:0",
    }


def metadata(model, version, loaded):
    signature = loaded.signatures[SIGNATURE]
    inputs = signature.structured_input_signature[1]
    return {
        "model_spec": {"name": model.name, "signature_name": "", "version": version},
        "metadata": {
            "signature_def": {
                "signature_def": {
                    SIGNATURE: {
                        "inputs": {name: tensor_info(name, spec, SIGNATURE) for name, spec in inputs.items()},
                        "outputs": {
                            name: tensor_info(name, spec, "StatefulPartitionedCall")
                            for name, spec in signature.structured_outputs.items()
                        },
                        "method_name": "tensorflow/serving/predict",
                    }
                }
            }
        },
    }


def predict(loaded, body):
    name = body.get("signature_name") or SIGNATURE
    if name not in loaded.signatures:
        raise Refused(400, f'Serving signature name: "{name}" not found in signature def')
    signature = loaded.signatures[name]
    (key,) = signature.structured_input_signature[1]
    rows = "instances" in body
    if rows == ("inputs" in body):
        raise Refused(400, "JSON Value: must have exactly one of 'instances' and 'inputs'")
    if rows:
        given = [one[key] if isinstance(one, dict) else one for one in body["instances"]]
    else:
        given = body["inputs"][key] if isinstance(body["inputs"], dict) else body["inputs"]
    try:
        outputs = signature(**{key: tf.constant(np.asarray(given, np.float32))})
    except Exception as error:
        raise Refused(400, str(error)[:400])
    (answer,) = outputs.values()
    return {"predictions" if rows else "outputs": answer.numpy().tolist()}


PATH = re.compile(r"/v1/models/(?P<name>[^/:]+)(?:/versions/(?P<version>\d+)|/labels/(?P<label>[^/:]+))?(?P<what>:predict|/metadata)?")


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    # Without it each answer waits for the client's delayed acknowledgement of its headers.
    disable_nagle_algorithm = True
    models = {}

    def log_message(self, *_):
        pass

    def answer(self, status, body):
        data = json.dumps(body).encode()
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(data)))
        self.end_headers()
        self.wfile.write(data)

    def handle_with(self, method):
        data = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        try:
            found = PATH.fullmatch(self.path)
            what = found and found["what"]
            if not found or (what == ":predict") != (method == "POST"):
                raise Refused(404, f"Malformed request: {method} {self.path}")
            model = self.models.get(found["name"])
            if model is None:
                raise Refused(404, f"Servable not found for request: Latest({found['name']})")
            version, loaded = model.version(found["version"], found["label"])
            if what == ":predict":
                self.answer(200, predict(loaded, json.loads(data)))
            elif what == "/metadata":
                self.answer(200, metadata(model, version, loaded))
            else:
                which = [version] if found["version"] or found["label"] else sorted(model.versions, key=int, reverse=True)
                fine = {"error_code": "OK", "error_message": ""}
                states = [{"version": one, "state": "AVAILABLE", "status": fine} for one in which]
                self.answer(200, {"model_version_status": states})
        except Refused as error:
            self.answer(error.status, {"error": str(error)})
        except json.JSONDecodeError as error:
            self.answer(400, {"error": f"JSON Parse error: {error}"})

    def do_GET(self):
        self.handle_with("GET")

    def do_POST(self):
        self.handle_with("POST")


def main():
    with open(sys.argv[1], encoding="utf-8") as file:
        config = json.load(file)
    for name, described in config["models"].items():
        Handler.models[name] = Model(name, config["folder"], described)
    ThreadingHTTPServer.request_queue_size = 128
    server = ThreadingHTTPServer(("127.0.0.1", config["port"]), Handler)
    print("serving", flush=True)
    server.serve_forever()


main()
