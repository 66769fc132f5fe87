import os
from types import SimpleNamespace


class Schema:
    """Columns, as pairs of name and MLflow's type."""

    def __init__(self, columns):
        self.inputs = [SimpleNamespace(name=name, type=SimpleNamespace(name=kind)) for name, kind in columns]

    def is_tensor_spec(self):
        return False

    def has_input_names(self):
        return True


class Model:
    def __init__(self, module):
        self.predict = module["predict"]
        self.metadata = SimpleNamespace(
            get_input_schema=lambda: Schema(module["INPUTS"]),
            get_output_schema=lambda: Schema(module["OUTPUTS"]),
            get_params_schema=lambda: None,
        )


def load_model(folder):
    module = {}
    with open(os.path.join(folder, "model.py")) as file:
        exec(compile(file.read(), "model.py", "exec"), module)
    return Model(module)
