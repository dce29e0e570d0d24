"""An MLServer runtime that computes an ONNX file by onnxruntime: what `mlserver.ts` lets MLServer serve."""

import numpy as np
import onnxruntime
from mlserver import MLModel
from mlserver.errors import InferenceError
from mlserver.types import InferenceRequest, InferenceResponse, MetadataTensor, ResponseOutput


def described(tensors):
    """Of the session's inputs or outputs; -1 is a dimension of any size."""
    return [
        MetadataTensor(
            name=one.name, datatype="FP32", shape=[size if isinstance(size, int) else -1 for size in one.shape]
        )
        for one in tensors
    ]


class OnnxModel(MLModel):
    async def load(self) -> bool:
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = 1
        uri = self.settings.parameters.uri
        self._session = onnxruntime.InferenceSession(uri, options, providers=["CPUExecutionProvider"])
        self.inputs = described(self._session.get_inputs())
        self.outputs = described(self._session.get_outputs())
        return True

    async def predict(self, payload: InferenceRequest) -> InferenceResponse:
        given = {
            one.name: np.asarray(one.data.root, dtype=np.float32).reshape(one.shape) for one in payload.inputs
        }
        names = [one.name for one in payload.outputs or []] or None
        try:
            answers = self._session.run(names, given)
        except Exception as error:
            raise InferenceError(str(error)) from error
        outputs = [
            ResponseOutput(name=name, shape=list(values.shape), datatype="FP32", data=values.ravel().tolist())
            for name, values in zip(names or [one.name for one in self._session.get_outputs()], answers)
        ]
        return InferenceResponse(model_name=self.name, model_version=self.version, outputs=outputs)
