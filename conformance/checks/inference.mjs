import { must } from "../outcome.mjs";
import { path } from "../rest-client.mjs";
import { alike, elements, nest } from "../tensors.mjs";

export const area = "inference";

export const checks = [
  {
    name: "answers with the model's name",
    clause: "OIP Inference Response, model_name",
    run: async ({ client, subject }) => {
      const { model_name: name } = await client.infer(subject.name, subject.request());
      must(name === subject.name, `\`model_name\` is ${JSON.stringify(name)}`);
    },
  },
  {
    name: "gives every output that the metadata names, with its datatype",
    clause: "OIP Inference Request, outputs: all when none is asked for",
    run: async ({ client, subject }) => {
      const { outputs } = await client.infer(subject.name, subject.request());
      for (const { name, datatype } of subject.metadata.outputs ?? []) {
        const output = outputs?.find((one) => one.name === name);
        must(output !== undefined, `output ${name} is missing`);
        must(
          output.datatype === datatype,
          `output ${name} is ${output.datatype}, its metadata says ${datatype}`,
        );
      }
    },
  },
  {
    name: "gives as many values as each output's shape says",
    clause: "OIP Response Output, shape and data",
    run: async ({ client, subject }) => {
      const { outputs } = await client.infer(subject.name, subject.request());
      must(outputs?.length > 0, "there are no outputs");
      for (const { name, shape, data } of outputs)
        must(
          elements(shape) === data?.length,
          `output ${name} of shape ${JSON.stringify(shape)} has ${data?.length} values`,
        );
    },
  },
  {
    name: "gives back the request's id",
    clause: "OIP Inference Response, id",
    run: async ({ client, subject }) => {
      const { id } = await client.infer(subject.name, subject.request({ id: "conformance-42" }));
      must(id === "conformance-42", `\`id\` is ${JSON.stringify(id)}`);
    },
  },
  {
    name: "gives only the outputs that are asked for",
    clause: "OIP Inference Request, outputs",
    run: async ({ client, subject }) => {
      const last = subject.metadata.outputs?.at(-1);
      must(last !== undefined, "the metadata names no outputs");
      const { outputs } = await client.infer(
        subject.name,
        subject.request({ outputs: [{ name: last.name }] }),
      );
      must(
        outputs?.length === 1 && outputs[0].name === last.name,
        `asked for ${last.name}, got ${outputs?.map(({ name }) => name)}`,
      );
    },
  },
  {
    name: "answers the same request in the same way",
    clause: "OIP Inference",
    run: async ({ client, subject }) => {
      const [one, other] = [
        await client.infer(subject.name, subject.request()),
        await client.infer(subject.name, subject.request()),
      ];
      must(
        alike(
          one.outputs.map(({ data }) => data),
          other.outputs.map(({ data }) => data),
        ),
        "two answers differ",
      );
    },
  },
  {
    name: "answers a version that is asked for",
    clause: "OIP Inference, versions",
    needs: "versions",
    run: async ({ client, subject, version }) => {
      const answer = await client.infer(subject.name, subject.request(), version);
      const given = answer.model_version;
      must(
        given === undefined || given === "" || given === version,
        `\`model_version\` is ${JSON.stringify(given)}`,
      );
    },
  },
  {
    name: "takes flat and nested data alike",
    clause: "OIP REST Tensor Data",
    transport: "rest",
    run: async ({ client, subject }) => {
      const { first } = subject;
      const flat = await client.infer(subject.name, subject.request());
      const nested = await client.infer(
        subject.name,
        subject.withInput({ data: nest(first.data, first.shape) }),
      );
      must(
        alike(
          flat.outputs.map(({ data }) => data),
          nested.outputs.map(({ data }) => data),
        ),
        "the answers differ",
      );
    },
  },
  {
    name: "answers with JSON",
    clause: "OIP REST Inference Response JSON Object",
    transport: "rest",
    run: async ({ client, subject }) => {
      const { headers, json } = await client.send("POST", `${path(subject.name)}/infer`, {
        body: subject.request(),
      });
      must(
        /^application\/json\b/.test(headers.get("content-type") ?? ""),
        `the content type is ${headers.get("content-type")}`,
      );
      must(json !== undefined, "the body isn't JSON");
    },
  },
];
