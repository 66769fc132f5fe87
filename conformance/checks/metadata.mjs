import { must } from "../outcome.mjs";
import { DATATYPES } from "../tensors.mjs";

export const area = "metadata";

const isText = (value) => typeof value === "string" && value !== "";

function mustBeTensors(tensors, what) {
  must(Array.isArray(tensors) && tensors.length > 0, `\`${what}\` is ${JSON.stringify(tensors)}`);
  for (const { name, datatype, shape } of tensors) {
    must(isText(name), `one of \`${what}\` has no name`);
    must(DATATYPES.includes(datatype), `${name} has datatype ${JSON.stringify(datatype)}`);
    must(
      Array.isArray(shape) && shape.every((size) => Number.isInteger(Number(size)) && Number(size) >= -1),
      `${name} has shape ${JSON.stringify(shape)}`,
    );
  }
}

export const checks = [
  {
    name: "the server names itself, its version and its extensions",
    clause: "OIP Server Metadata Response",
    run: async ({ client }) => {
      const { name, version, extensions } = await client.serverMetadata();
      must(isText(name), `\`name\` is ${JSON.stringify(name)}`);
      must(isText(version), `\`version\` is ${JSON.stringify(version)}`);
      must(
        Array.isArray(extensions) && extensions.every(isText),
        `\`extensions\` is ${JSON.stringify(extensions)}`,
      );
    },
  },
  {
    name: "the model is called as it was asked for",
    clause: "OIP Model Metadata Response, name",
    run: ({ subject }) =>
      must(subject.metadata.name === subject.name, `\`name\` is ${JSON.stringify(subject.metadata.name)}`),
  },
  {
    name: "the model names its platform",
    clause: "OIP Model Metadata Response, platform",
    run: ({ subject }) =>
      must(
        typeof subject.metadata.platform === "string",
        `\`platform\` is ${JSON.stringify(subject.metadata.platform)}`,
      ),
  },
  {
    name: "the model's inputs have name, datatype and shape",
    clause: "OIP Model Metadata Response, inputs",
    run: ({ subject }) => mustBeTensors(subject.metadata.inputs, "inputs"),
  },
  {
    name: "the model's outputs have name, datatype and shape",
    clause: "OIP Model Metadata Response, outputs",
    run: ({ subject }) => mustBeTensors(subject.metadata.outputs, "outputs"),
  },
  {
    name: "versions are strings that can be asked for",
    clause: "OIP Model Metadata Response, versions",
    needs: "versions",
    run: async ({ client, subject, version }) => {
      must(
        subject.metadata.versions.every(isText),
        `\`versions\` is ${JSON.stringify(subject.metadata.versions)}`,
      );
      const { name } = await client.modelMetadata(subject.name, version);
      must(name === subject.name, `version ${version} is called ${JSON.stringify(name)}`);
    },
  },
];
