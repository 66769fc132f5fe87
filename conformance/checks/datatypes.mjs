import { NotOffered, must, mustRefuse } from "../outcome.mjs";
import { inputFor } from "../subject.mjs";
import { DATATYPES, elements, extremes, strangers } from "../tensors.mjs";

export const area = "datatypes";

/** BF16 has no form in JSON. */
const JSON_DATATYPES = DATATYPES.filter((datatype) => datatype !== "BF16");

/** A request to the first model with an input of this datatype, that input filled by `value(index)`. */
function requestWith({ subjects }, datatype, value) {
  for (const subject of subjects) {
    const ports = subject.metadata.inputs ?? [];
    const port = ports.find((one) => one.datatype === datatype);
    if (port === undefined) continue;
    const inputs = ports.map((one) => inputFor(one, 2));
    const input = inputs[ports.indexOf(port)];
    input.data = Array.from({ length: elements(input.shape) }, (_, index) => value(index));
    return { name: subject.name, request: { inputs } };
  }
  throw new NotOffered(`no model that is checked has an input of ${datatype}`);
}

export const checks = JSON_DATATYPES.flatMap((datatype) => [
  {
    name: `${datatype}: the ends of its range are taken`,
    clause: "OIP Tensor Data Types",
    run: async (context) => {
      const ends = extremes(datatype);
      const { name, request } = requestWith(context, datatype, (index) => ends[index % 2]);
      const { outputs } = await context.client.infer(name, request);
      must(outputs?.length > 0, "there are no outputs");
    },
  },
  ...strangers(datatype).map((stranger) => ({
    name: `${datatype}: ${JSON.stringify(stranger)} is refused`,
    clause: "OIP REST Tensor Data",
    transport: "rest",
    run: (context) => {
      const { name, request } = requestWith(context, datatype, () => stranger);
      return mustRefuse(() => context.client.infer(name, request));
    },
  })),
]);
