import type { TrackingDeps } from "../../deps.ts";
import { invalid } from "../../wire/errors.ts";
import { optionalMessage, type Fields } from "../../wire/fields.ts";
import type { MlflowCall, MlflowRoute } from "../../wire/routes.ts";
import { checkTraceId, traceRow } from "../rows.ts";
import { readAssessment, readMetadata, readName, readRationale, readValid, readValue } from "./assessment.ts";
import { createAssessment, deleteAssessment, updateAssessment, type AssessmentChange } from "./commands.ts";
import { assessmentMessage, assessmentRow } from "./queries.ts";

/** Bytes of an assessment. */
const MAX_BODY = 4 * 1024 * 1024;
const PATH = "traces/:traceId/assessments";

/** Feedback, expectations and references to issues on traces. */
export function assessmentRoutes({ db, clock, ids }: TrackingDeps): MlflowRoute[] {
  const one = ({ params, workspace }: MlflowCall) => ({
    workspace,
    traceId: checkTraceId(params["traceId"] ?? ""),
    assessmentId: params["assessmentId"] ?? "",
  });
  return [
    {
      method: "POST",
      path: PATH,
      access: "write",
      maxBody: MAX_BODY,
      async handle(call) {
        const { workspace, traceId } = one(call);
        const assessment = readAssessment(message(call.fields), `a-${ids.hex()}`, clock.now());
        return { assessment: await db.write(createAssessment, { workspace, traceId, assessment }) };
      },
    },
    {
      method: "GET",
      path: `${PATH}/:assessmentId`,
      access: "read",
      async handle(call) {
        const { workspace, traceId, assessmentId } = one(call);
        return db.read(async (tx) => {
          const trace = await traceRow(tx, workspace, traceId);
          return { assessment: assessmentMessage(await assessmentRow(tx, trace, assessmentId), traceId) };
        });
      },
    },
    {
      method: "PATCH",
      path: `${PATH}/:assessmentId`,
      access: "write",
      maxBody: MAX_BODY,
      async handle(call) {
        const change = readChange(message(call.fields), call.fields);
        return { assessment: await db.write(updateAssessment, { ...one(call), change, now: clock.now() }) };
      },
    },
    {
      method: "DELETE",
      path: `${PATH}/:assessmentId`,
      access: "write",
      async handle(call) {
        await db.write(deleteAssessment, one(call));
        return {};
      },
    },
  ];
}

function message(fields: Fields): Fields {
  const assessment = optionalMessage(fields, "assessment");
  if (!assessment) throw invalid("Missing value for required parameter 'assessment'.");
  return assessment;
}

/** The fields that the mask names; a FieldMask's JSON is one string of lowerCamelCase paths. */
function readChange(assessment: Fields, fields: Fields): AssessmentChange {
  const change: AssessmentChange = {};
  for (const path of maskPaths(fields["update_mask"])) {
    switch (path) {
      case "assessment_name":
        change.name = readName(assessment);
        break;
      case "feedback":
      case "expectation":
        change.value = readValue(assessment);
        break;
      case "rationale":
        change.rationale = readRationale(assessment);
        break;
      case "metadata":
        change.metadata = readMetadata(assessment) ?? {};
        break;
      case "valid":
        change.valid = readValid(assessment);
        break;
      default:
    }
  }
  return change;
}

function maskPaths(mask: unknown): string[] {
  const paths: unknown =
    typeof mask === "object" && mask !== null ? (mask as { paths?: unknown }).paths : mask;
  const list = typeof paths === "string" ? paths.split(",") : paths;
  if (Array.isArray(list) && list.every((path) => typeof path === "string")) {
    return list.map((path) => path.trim().replace(/[A-Z]/g, (letter) => `_${letter.toLowerCase()}`));
  }
  throw invalid("Missing value for required parameter 'update_mask'.");
}
