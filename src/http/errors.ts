/**
 * The one catalogue of errors a user can meet. A code never changes its meaning; `status` is what HTTP
 * answers with; `hint` says what to do next and is shown below the message.
 */
export const CATALOGUE = {
  INTERNAL: {
    status: 500,
    hint: "This is a defect in Slipway. The log of the control process has the details.",
  },
  INVALID_REQUEST: { status: 400, hint: "Correct the named field and send the request again." },
  NOT_FOUND: { status: 404, hint: "List what exists with `slipway status`." },
  CONFLICT: { status: 409, hint: "Read the current state and decide again." },
  UNAVAILABLE: { status: 503, hint: "The platform is starting or busy; try again in a moment." },
  TOO_LARGE: { status: 413, hint: "Send less, or raise the limit named in the message." },
  HTTP_MALFORMED: {
    status: 400,
    hint: "Send one well-formed HTTP/1.1 request: one Host, one Content-Length or chunked, not both; no TLS here.",
  },
  HTTP_HEAD_TOO_LARGE: { status: 431, hint: "Send a shorter address and fewer or shorter headers." },
  HTTP_TOO_SLOW: { status: 408, hint: "Send the whole request without long breaks." },
  TIMEOUT: { status: 504, hint: "Try again; if it stays slow, look at `slipway logs`." },
  HOST_REFUSED: {
    status: 403,
    hint: "Call the platform by the address that `slipway up` printed, or name this host with --allow-host.",
  },
  ORIGIN_REFUSED: { status: 403, hint: "Pages of other origins may not call this platform." },
  TOKEN_REQUIRED: {
    status: 401,
    hint: "Sign in with `slipway login`, or send a token: `Authorization: Bearer …`.",
  },
  CREDENTIALS_REFUSED: {
    status: 401,
    hint: "Sign in again with `slipway login`, or ask an admin for a new token.",
  },
  SIGN_IN_LIMITED: { status: 429, hint: "Wait a minute and try again with the right password." },
  SIGN_IN_FAILED: {
    status: 400,
    hint: "Begin again at /login; if it fails again, show an admin this message.",
  },
  SIGN_IN_PENDING: { status: 409, hint: "Open the address and confirm the code in the browser." },
  CREDENTIALS_UNREADABLE: { status: 500, hint: "Correct or remove the file, and sign in again." },
  OIDC_UNREACHABLE: {
    status: 502,
    hint: "Check --oidc-issuer, and that the platform's machine reaches it.",
  },
  ACCESS_DENIED: { status: 403, hint: "Ask an admin of the tenant for the role: `slipway tenant grant`." },
  SCOPE_MISSING: { status: 403, hint: "Make a token with that scope: `slipway token create --scope …`." },
  TENANT_NOT_FOUND: { status: 404, hint: "`slipway tenant list` shows the tenants you belong to." },
  TENANT_NAME_INVALID: {
    status: 400,
    hint: "Choose 2 to 63 lower-case letters, digits and hyphens, not at the ends.",
  },
  TENANT_EXISTS: { status: 409, hint: "Choose another name, or use what exists." },
  TENANT_RESERVED: { status: 400, hint: "The default tenant is always there." },
  TENANT_NOT_EMPTY: {
    status: 409,
    hint: "Delete what it still has, free what is deleted with `slipway gc --tenant`, and try again.",
  },
  PERSON_NOT_FOUND: { status: 404, hint: "`slipway user list` shows who is known." },
  PERSON_EXISTS: { status: 409, hint: "Choose another name, or use the person that exists." },
  PERSON_NAME_INVALID: {
    status: 400,
    hint: "Choose up to 128 letters, digits and . _ @ + -, beginning with a letter or digit.",
  },
  PASSWORD_WEAK: { status: 400, hint: "Choose 12 to 1024 characters that don't contain the name." },
  TOKEN_NOT_FOUND: { status: 404, hint: "`slipway token list` shows the tokens you may see." },
  TOKEN_INVALID: { status: 400, hint: "`slipway help token` shows what a token can be." },
  GC_BUSY: {
    status: 409,
    hint: "Wait until it has ended; `GET /api/slipway/v1/gc/<id>` says how far it is.",
  },
  GC_NOT_COUNTED: { status: 409, hint: "Wait for the counting, or count anew with `slipway gc --dry-run`." },
  GC_NOT_FOUND: {
    status: 404,
    hint: "Count anew with `slipway gc --dry-run`: countings are forgotten when the platform starts.",
  },
  GC_NOT_DELETED: { status: 409, hint: "Delete it first; `slipway gc` frees only what is deleted." },
  CONSOLE_NOT_BUILT: {
    status: 503,
    hint: "Run `npm run build` in the clone, or install the package again; the commands and the API work without it.",
  },
  STORE_FULL: {
    status: 507,
    hint: "The disk is full: make room and try again; what was acknowledged is kept, this was not.",
  },
  STORE_FAILED: {
    status: 500,
    hint: "The disk or the database's file failed: read the control process's log and the machine's, then start again.",
  },
  STORE_CORRUPT: {
    status: 500,
    hint: "Stop the platform, copy the data folder aside, and bring the database's file back from a backup.",
  },
  STORE_NEWER: {
    status: 409,
    hint: "Start the newer version of slipway again, or give this one another data folder with --data.",
  },
  STORE_FOREIGN: {
    status: 409,
    hint: "Give a data folder of slipway's own with --data, or another file with --store.",
  },
  PLATFORM_FOLLOWS: {
    status: 409,
    hint: "Push and act at the other platform; docs/guides/databases.md says how this one takes its place.",
  },
  LEADER_LOST: {
    status: 503,
    hint: "Try again in a moment: another control process leads, and takes it. What was not acknowledged was not written.",
  },
  STORE_UNREACHABLE: {
    status: 503,
    hint: "Check the host and the port of --store, and that PostgreSQL runs and listens there.",
  },
  STORE_REFUSED: {
    status: 500,
    hint: "Check user, password and database of --store: the user must be let in, and may create a schema or owns one.",
  },
  BLOB_PATH_REFUSED: {
    status: 400,
    hint: "Use a relative path with `/` between names, without `..`, `\\`, control characters or encodings of these.",
  },
  RANGE_NOT_SATISFIABLE: {
    status: 416,
    hint: "Ask for bytes that the file has: `bytes=0-99`, `bytes=100-`.",
  },
  ARTIFACTS_UNREACHABLE: {
    status: 503,
    hint: "Try again in a moment; if it stays so, check --artifacts-endpoint and the store itself.",
  },
  ARTIFACTS_BUCKET_MISSING: {
    status: 424,
    hint: "Make the bucket, or name another with --artifacts s3://bucket/prefix.",
  },
  ARTIFACTS_REFUSED: {
    status: 424,
    hint: "Whoever runs the platform: check the store's keys (AWS_ACCESS_KEY_ID), what they may do, and the clock.",
  },
  ARTIFACTS_ELSEWHERE: {
    status: 424,
    hint: "Name the bucket's own region with --artifacts-region, or its address with --artifacts-endpoint.",
  },
  ARTIFACTS_FAILED: {
    status: 424,
    hint: "Read what the artifact store said; it isn't tried again by itself.",
  },
  ARTIFACTS_CREDENTIALS_MISSING: {
    status: 424,
    hint: "Set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, or AWS_PROFILE, where `slipway up` is started.",
  },
  MLFLOW_INVALID_PARAMETER_VALUE: { status: 400, hint: "Correct the named parameter and call again." },
  MLFLOW_RESOURCE_DOES_NOT_EXIST: {
    status: 404,
    hint: "Check the name or id; deleted things can be restored.",
  },
  MLFLOW_RESOURCE_ALREADY_EXISTS: { status: 400, hint: "Choose another name, or use what exists." },
  MLFLOW_RESOURCE_CONFLICT: { status: 409, hint: "Read the current state and decide again." },
  MLFLOW_ENDPOINT_NOT_FOUND: { status: 404, hint: "This part of MLflow's API isn't served here." },
  MLFLOW_INVALID_STATE: { status: 409, hint: "Read the current state and decide again." },
  MLFLOW_INTERNAL_ERROR: { status: 500, hint: "Correct the named parameter and call again." },
  MLFLOW_NOT_IMPLEMENTED: { status: 501, hint: "This part of MLflow's API isn't served here." },
  SETTING_MISSING: { status: 400, hint: "Set the variable; `slipway platform render` writes all of them." },
  SETTING_INVALID: {
    status: 400,
    hint: "Correct the variable; `slipway platform render` writes all of them.",
  },
  WEBHOOK_SETTING_INVALID: {
    status: 400,
    hint: "Correct the variable, or leave it out for MLflow's default, and start the platform again.",
  },
  WEBHOOK_KEY_INVALID: {
    status: 500,
    hint: "MLFLOW_WEBHOOK_SECRET_ENCRYPTION_KEY is a Fernet key: 32 random bytes in URL-safe base64.",
  },
  WEBHOOK_SECRET_UNREADABLE: {
    status: 500,
    hint: "Start the platform with the key that the secret was stored with, or set the webhook's secret again.",
  },
  WEBHOOK_ADDRESS_REFUSED: {
    status: 400,
    hint: "Name a host of the public internet, or allow private addresses with MLFLOW_WEBHOOK_ALLOW_PRIVATE_IPS=true.",
  },
  TRACE_SPAN_INVALID: {
    status: 422,
    hint: "Send spans with a trace_id of 16 bytes, a span_id of 8 bytes and times in nanoseconds.",
  },
  TRACE_EXPERIMENT_MISSING: {
    status: 422,
    hint: "Name the experiment's id in the header x-mlflow-experiment-id, as in OTEL_EXPORTER_OTLP_TRACES_HEADERS.",
  },
  IMPORT_SOURCE_UNREACHABLE: {
    status: 502,
    hint: "Check the address, and that the server answers this machine; then run the same command again: it goes on.",
  },
  IMPORT_SOURCE_LOGIN: {
    status: 401,
    hint: "Set MLFLOW_TRACKING_USERNAME and MLFLOW_TRACKING_PASSWORD, or MLFLOW_TRACKING_TOKEN, of that server.",
  },
  IMPORT_SOURCE_UNEXPECTED: {
    status: 502,
    hint: "Name the address that MLFLOW_TRACKING_URI has for that server, such as http://mlflow.example.com:5000.",
  },
  IMPORT_INTERRUPTED: {
    status: 503,
    hint: "See that the platform runs, and run the same command again: it goes on where it ended.",
  },
  IMPORT_CONFLICT: { status: 409, hint: "What is here was left as it is; the import goes on with the rest." },
  IMPORT_MISMATCH: {
    status: 409,
    hint: "Run the import again; if it says the same, something here or there has changed it meanwhile.",
  },
  PUSH_CONFLICT: {
    status: 409,
    hint: "Settle what is named, or push to another tenant or platform; what is there stays as it is.",
  },
  PUSH_UNDER_WAY: {
    status: 409,
    hint: "Wait until it has ended (`slipway runs`) or cancel it, and push again.",
  },
  PUSH_TARGET_OLDER: {
    status: 409,
    hint: "Upgrade the platform at that address to at least the version of the one that you push from.",
  },
  PUSH_GIT_REFUSED: {
    status: 409,
    hint: "Read what the platform says of the commits, settle it, and run the same command again: it goes on.",
  },
  GIT_MISSING: { status: 500, hint: "Install git 2.31 or newer and start the platform again." },
  GIT_TOO_OLD: { status: 500, hint: "Install git 2.31 or newer and start the platform again." },
  GIT_FAILED: { status: 500, hint: "`git fsck` in the named repository says whether it is damaged." },
  GIT_NAME_INVALID: {
    status: 400,
    hint: "Push to /git/<name>.git, where the name is the one in your slipway.yaml.",
  },
  GIT_REPOSITORY_MISSING: { status: 404, hint: "The first push makes the repository." },
  GIT_REFERENCE_MOVED: {
    status: 409,
    hint: "Fetch what is there (`git pull --rebase`) and push again.",
  },
  GIT_MIRROR_AWAY: {
    status: 503,
    hint: "Nothing was moved. Do it again once the store of --git-mirror answers.",
  },
  GIT_MIRROR_FENCED: {
    status: 503,
    hint: "Nothing was moved. Do it again: it goes to the process that writes the repositories now.",
  },
  GIT_MIRROR_FOREIGN: {
    status: 409,
    hint: "Name a place of this platform's own with --git-mirror; docs/guides/git-mirror.md says how one takes over.",
  },
  GIT_MIRROR_UNSUPPORTED: {
    status: 424,
    hint: "Name a store with conditional writes (If-Match) with --git-mirror, such as AWS, MinIO or a folder.",
  },
  GIT_MIRROR_DAMAGED: {
    status: 500,
    hint: "Bring the named object back from a backup of the store; docs/guides/git-mirror.md says how.",
  },
  GIT_MIRROR_DIVERGED: {
    status: 409,
    hint: "Decide which of both counts, as docs/guides/git-mirror.md shows, and start again.",
  },
  NAME_TAKEN: {
    status: 409,
    hint: "Choose another name: those of projects and services are the whole platform's.",
  },
  GIT_SERVICE_FILE_INVALID: {
    status: 400,
    hint: "Correct services/<name>.yaml in the environment repository and push again.",
  },
  STEP_FAILED: { status: 422, hint: "Read the step's output with `slipway logs run/<id>`." },
  STEP_COMMAND_NOT_FOUND: {
    status: 422,
    hint: "Install the command on this machine, or declare it in the project's `environment`.",
  },
  STEP_OUTPUT_MISSING: {
    status: 422,
    hint: "Let the step write the file, or correct the paths in its `outputs`.",
  },
  STEP_INPUT_MISSING: {
    status: 422,
    hint: "Commit the file, let a needed step write it, or correct the step's `inputs`.",
  },
  STEP_TIMEOUT: { status: 422, hint: "Make the step faster, or raise its `timeout` in slipway.yaml." },
  STEP_OUT_OF_MEMORY: {
    status: 422,
    hint: "Make the step use less, or raise its `resources.memory` in slipway.yaml.",
  },
  STEP_NOT_STARTED: { status: 422, hint: "Read the message; the step's own code never ran." },
  STEP_IMAGE_UNAVAILABLE: {
    status: 422,
    hint: "Check the platform's image (images.slipway) and that the node may pull it; then run the pipeline again.",
  },
  STEP_QUOTA_EXCEEDED: {
    status: 422,
    hint: "Ask for less in the step's `resources`, wait for other work of the tenant, or raise the tenant's quota.",
  },
  STEP_UNSCHEDULABLE: {
    status: 422,
    hint: "Ask for less in the step's `resources`, or add a node that has as much.",
  },
  STEP_VOLUME_PENDING: {
    status: 422,
    hint: "`kubectl describe pvc` in the tenant's namespace says why the volume isn't there.",
  },
  STEP_INTERRUPTED: {
    status: 422,
    hint: "Run the pipeline again: finished steps are reused. A node that is emptied ends the pods on it.",
  },
  STEP_ARCHIVE_DAMAGED: {
    status: 422,
    hint: "Run the pipeline again; if it stays, look at the platform's artifact store.",
  },
  WORKFLOW_REFUSED: {
    status: 422,
    hint: "Correct slipway.yaml, or the tenant's namespace, as the cluster's words say.",
  },
  ENVIRONMENT_FILE_MISSING: {
    status: 422,
    hint: "Commit the file that `environment` names, or correct the path.",
  },
  ENVIRONMENT_TOOL_MISSING: { status: 422, hint: "Install the tool on this machine and push again." },
  ENVIRONMENT_UNSUPPORTED: { status: 422, hint: "Publish the package, or install it in the step's command." },
  ENVIRONMENT_UNDECLARED: {
    status: 422,
    hint: "Log the model with mlflow's log_model, which writes its requirements, or with pip_requirements=….",
  },
  ENVIRONMENT_PYTHON_MISSING: {
    status: 422,
    hint: "Install that Python (pyenv and uv are looked at too), or log the model with one that is installed.",
  },
  ENVIRONMENT_BUILD_FAILED: {
    status: 422,
    hint: "The installer's last lines say why; correct the file and push again.",
  },
  PIPELINE_CHECKOUT_FAILED: {
    status: 422,
    hint: "Check that the commit exists in the project's repository.",
  },
  PIPELINE_QUEUE_FULL: { status: 429, hint: "Wait, or cancel pipeline runs that are no longer wanted." },
  PIPELINE_RUN_ENDED: { status: 409, hint: "Start a new pipeline run; one that has ended can't be changed." },
  PIPELINE_GATE_FAILED: {
    status: 422,
    hint: "Improve the model, or change `model.gate` in slipway.yaml.",
  },
  PIPELINE_MODEL_MISSING: {
    status: 422,
    hint: "Let a step log the model's folder to the tracking run (MLFLOW_RUN_ID), below `model.artifact`.",
  },
  ROLLOUT_NOT_RUNNING: {
    status: 409,
    hint: "`slipway status` shows what each service's rollout waits for.",
  },
  ROLLOUT_ROLE_REQUIRED: {
    status: 403,
    hint: "Ask somebody with the role that the project's `rollout.approval` names.",
  },
  USAGE: { status: 400, hint: "`slipway help COMMAND` shows arguments, options and examples." },
  NOT_BUILT_YET: { status: 501, hint: "This part isn't built yet; leave the option or word out." },
  PLATFORM_UNREACHABLE: {
    status: 503,
    hint: "Start it with `slipway up`, or name another with --url or SLIPWAY_URL.",
  },
  PLATFORM_UNEXPECTED: {
    status: 502,
    hint: "Check the address given by --url or SLIPWAY_URL: something else may answer there.",
  },
  SPEC_UNREADABLE: { status: 400, hint: "Name the file, or run the command in the folder that holds it." },
  SPEC_INVALID: {
    status: 422,
    hint: "Correct the file; `slipway validate` shows each problem at its place.",
  },
  SPEC_NOT_EVALUATED: {
    status: 422,
    hint: "The file must `export default defineProject({ … })` and run by itself.",
  },
  TEMPLATE_UNKNOWN: { status: 404, hint: "Choose one of the templates named above." },
  FOLDER_NOT_EMPTY: { status: 409, hint: "Choose a new folder, or move its files away." },
  FOLDER_UNWRITABLE: { status: 500, hint: "Make room or choose a folder that you may write to." },
  EVIDENCE_STREAMS_FULL: {
    status: 503,
    hint: "Close pages that nobody looks at, or ask for the evidence once: without /stream at the end.",
  },
  LABEL_AND_LOSS: {
    status: 400,
    hint: "Send `label` and let the platform compare, or send `loss` where you compare yourself.",
  },
  LABEL_LOSS_INVALID: { status: 400, hint: "Scale the loss into 0 to 1 and send the whole request again." },
  LABEL_TIME_INVALID: { status: 400, hint: "Correct `at`, or leave it out: now is meant then." },
  LABEL_IN_FUTURE: {
    status: 400,
    hint: "Correct `at`, or this machine's clock, and send the request again.",
  },
  LABEL_TOO_EARLY: {
    status: 400,
    hint: "Correct `at`: it is when the truth became known, in milliseconds since the epoch or ISO 8601.",
  },
  LABEL_OTHER_SERVICE: {
    status: 400,
    hint: "Send the labels of each service to /api/slipway/v1/services/<its model>/labels.",
  },
  REQUEST_NOT_KEPT: {
    status: 404,
    hint: "Name the answer's x-slipway-request-id; what is kept, and how long, is in docs/guides/prediction-log.md.",
  },
  LABELS_INVALID: { status: 422, hint: 'Each line is one JSON object: {"id": "<request id>", "label": …}.' },
  DATA_NEWER: {
    status: 409,
    hint: "Start it with the newer Slipway that wrote it, or name another folder with --data.",
  },
  DATA_IN_USE: {
    status: 409,
    hint: "End the other platform (`kill` its pid), or name another folder with --data.",
  },
  DATA_UNUSABLE: { status: 500, hint: "Name a folder that you may write to with --data." },
  DISK_FULL: { status: 507, hint: "Free some space, or name a folder on another disk with --data." },
  PORT_IN_USE: { status: 409, hint: "Choose another with --port, or --port 0 for any free one." },
  ADDRESS_UNUSABLE: { status: 400, hint: "Name an address of this machine with --host, such as 127.0.0.1." },
  ROLE_NOT_STARTED: { status: 500, hint: "The process's own log in the data folder's logs/ says why." },
  MODEL_MISSING: {
    status: 422,
    hint: "Let the training step log a folder with model.onnx in it; slipway.yaml's `model.artifact` names the folder.",
  },
  CONTRACT_MISSING: {
    status: 422,
    hint: "Let the training step write contract.json into the model's folder: an example request with its answer.",
  },
  CONTRACT_INVALID: {
    status: 422,
    hint: "contract.json holds {request: {inputs}, response: {outputs}}, both in Open Inference V2.",
  },
  MODEL_TOO_LARGE: {
    status: 413,
    hint: "Save a smaller model; only files of the model belong into its folder.",
  },
  MODEL_REFUSED: {
    status: 422,
    hint: "Try again; if it stays, the store holds another file than control wrote: log the model again.",
  },
  MODEL_LOAD_FAILED: {
    status: 422,
    hint: "Load model.onnx with onnxruntime where it was made, and save it again.",
  },
  MODEL_SIGNATURE_MISSING: {
    status: 422,
    hint: "Log the model with input_example=…, from which MLflow also infers the signature.",
  },
  MODEL_START_TIMEOUT: {
    status: 422,
    hint: "Load it with mlflow.pyfunc.load_model in its own environment and look at what takes so long.",
  },
  MODEL_DIED: {
    status: 422,
    hint: "`slipway logs service/<model>` shows what it wrote; a signal means that native code of it crashed.",
  },
  MODEL_UNSUPPORTED_TYPE: {
    status: 422,
    hint: "Every input and output must be a tensor; from scikit-learn, convert with options={'zipmap': False}.",
  },
  MODEL_OPSET: {
    status: 422,
    hint: "Export the model with an older opset or IR version, such as target_opset=21, and push again.",
  },
  MODEL_EXTERNAL_DATA: {
    status: 422,
    hint: "Log the whole folder that the model was saved into, or save it with its weights inside: onnx.save(model, path, save_as_external_data=False).",
  },
  MODEL_OUT_OF_MEMORY: { status: 507, hint: "Raise the memory of a worker, or serve a smaller model." },
  VARIANT_NOT_READY: { status: 409, hint: "`slipway logs service/<model>` shows its workers' last lines." },
  VARIANT_IN_USE: { status: 409, hint: "Route the service elsewhere first." },
  RULE_INVALID: {
    status: 422,
    hint: "Shares lie between 0 and 1; copies need a challenger whose share is 0.",
  },
  PLATFORM_ROUTING: {
    status: 422,
    hint: "Add what is missing to platform.yaml, or leave routing out: our own serve pods then divide the traffic.",
  },
  ROUTING_CANNOT: {
    status: 422,
    hint: "Leave it out, or set components.slipway.routing to router: our own serve pods then divide the traffic.",
  },
  ROUTE_REFUSED: {
    status: 502,
    hint: "The cluster has to have the Gateway API, and control the right to write HTTPRoutes: `slipway platform doctor`.",
  },
  RULE_OUTDATED: { status: 409, hint: "A newer commit of the environment repository is in force already." },
  SERVE_UNREACHABLE: { status: 503, hint: "The serve process is starting again; try once more in a moment." },
  GITOPS_STALLED: {
    status: 503,
    hint: "`kubectl -n argocd describe application slipway-models` says what keeps it; it is tried again by itself.",
  },
  CLUSTER_CONFIG_MISSING: {
    status: 400,
    hint: "Name the file with --kubeconfig or KUBECONFIG, or get a cluster: `slipway platform init --local`.",
  },
  CLUSTER_CONFIG_INVALID: { status: 400, hint: "Correct the kubeconfig; `kubectl config view` shows it." },
  CLUSTER_CONTEXT_UNKNOWN: { status: 400, hint: "`kubectl config get-contexts` shows what there is." },
  CLUSTER_UNREACHABLE: {
    status: 502,
    hint: "Check that the cluster runs and that the kubeconfig's address is right: `slipway platform doctor`.",
  },
  CLUSTER_UNAUTHORIZED: { status: 401, hint: "Sign in to the cluster again, or take another context." },
  CLUSTER_FORBIDDEN: {
    status: 403,
    hint: "Ask an admin of the cluster for this right; `slipway platform doctor` lists all that are needed.",
  },
  CLUSTER_NOT_FOUND: { status: 404, hint: "`slipway platform status` shows what there is." },
  CLUSTER_CONFLICT: { status: 409, hint: "Plan again and apply that." },
  CLUSTER_VERSION_GONE: { status: 410, hint: "Ask again without a version: the present state comes." },
  CLUSTER_OBJECT_REFUSED: { status: 422, hint: "Correct platform.yaml as the server's words say." },
  CLUSTER_FAILED: { status: 502, hint: "Try again; if it stays, the API server's log says why." },
  CLUSTER_KIND_MISSING: {
    status: 409,
    hint: "Add the component that brings the definition, or install it and name it under given.definitions.",
  },
  FIELDS_OWNED: {
    status: 409,
    hint: "Leave these fields to their owner, or take them over with --force-conflicts.",
  },
  OBJECT_NOT_OURS: {
    status: 409,
    hint: "Name it under given, give ours another name, or take it over with --adopt.",
  },
  KUBERNETES_UNFIT: {
    status: 409,
    hint: "Upgrade the cluster or take what doesn't support it out of the file; `slipway platform doctor` says what fits.",
  },
  PLATFORM_OLDER: {
    status: 409,
    hint: "Read `slipway platform plan`, then apply with --upgrade; what has been applied stays until then.",
  },
  PLATFORM_FILE_INVALID: {
    status: 400,
    hint: "Correct what is named; docs/reference/platform-yaml.md has every key.",
  },
  PLATFORM_ENVIRONMENT_UNKNOWN: {
    status: 404,
    hint: "Name one of the keys under environments with -e, or leave -e out.",
  },
  PLATFORM_IMAGE_MISSING: {
    status: 422,
    hint: "Build the image from this repository, push it to a registry that the cluster can read, and name it under images.",
  },
  PLATFORM_OBJECT_TWICE: {
    status: 409,
    hint: "Take one of the two away, or give what they stand for names of their own.",
  },
  HELM_MISSING: {
    status: 503,
    hint: "Install helm 3.19 or newer (https://helm.sh/docs/intro/install), and run `slipway platform lock` again.",
  },
  CHART_NOT_READ: {
    status: 502,
    hint: "Where there is no way out, name a copy: `slipway platform lock --from ROW=PATH`.",
  },
  PLATFORM_CHART_BROKEN: {
    status: 422,
    hint: "Take the file away and let `slipway platform lock` write it again.",
  },
  PLATFORM_FOLDER_FOREIGN: {
    status: 409,
    hint: "Name an empty folder with --out; nothing that isn't from slipway is overwritten.",
  },
  PLATFORM_NEWER: { status: 409, hint: "Use at least the version of slipway that applied it last." },
  PLATFORM_PAUSED: { status: 409, hint: "`slipway platform resume` lets changes through again." },
  PLATFORM_NOT_APPLIED: { status: 404, hint: "`slipway platform apply` makes it." },
  PLATFORM_NOT_READY: {
    status: 504,
    hint: "Look at what is named; `slipway platform apply` goes on from there.",
  },
  PLATFORM_BLOCKED: {
    status: 409,
    hint: "`slipway platform plan` shows every object that stands in the way, and why.",
  },
  PLATFORM_APPLYING: {
    status: 409,
    hint: "Wait until the other one ends; a lease that its owner left runs out by itself.",
  },
  PLATFORM_NOT_DESTROYED: {
    status: 409,
    hint: "Remove what holds it, then run `slipway platform destroy` again: it goes on from there.",
  },
  INVENTORY_INVALID: {
    status: 409,
    hint: "Restore the ConfigMap from a backup, or delete it and apply with --adopt.",
  },
  WIRING_BROKEN: {
    status: 422,
    hint: "`slipway platform plan` shows both ends of each; correct platform.yaml there.",
  },
  ENVIRONMENT_NOT_WRITTEN: {
    status: 409,
    hint: "Read git's words, correct the repository or the rights to it, and try again.",
  },
} as const satisfies Record<string, { status: number; hint: string }>;

export type ErrorCode = keyof typeof CATALOGUE;

/** Facts that go with an error: where it is, what was given, what is allowed. All of it may be shown to the caller. */
export interface ErrorFacts {
  where?: string;
  given?: string;
  allowed?: string;
  /** Overrides the catalogue's hint where a better one is known. */
  hint?: string;
  details?: Record<string, unknown>;
  cause?: unknown;
}

/** An error that a user can act on: stable code, message, facts and a hint; never shown with a stack trace. */
export class SlipwayError extends Error {
  readonly code: ErrorCode;
  readonly facts: ErrorFacts;

  constructor(code: ErrorCode, message: string, facts: ErrorFacts = {}) {
    super(message, facts.cause === undefined ? undefined : { cause: facts.cause });
    this.name = "SlipwayError";
    this.code = code;
    this.facts = facts;
  }

  get status(): number {
    return CATALOGUE[this.code].status;
  }

  get hint(): string {
    return this.facts.hint ?? CATALOGUE[this.code].hint;
  }

  /** The shape in which our own JSON API, `--json` and the writer thread carry an error. */
  toJSON(): ErrorBody {
    const { where, given, allowed, details } = this.facts;
    return {
      code: this.code,
      message: this.message,
      hint: this.hint,
      ...(where === undefined ? {} : { where }),
      ...(given === undefined ? {} : { given }),
      ...(allowed === undefined ? {} : { allowed }),
      ...(details === undefined ? {} : { details }),
    };
  }

  static fromJSON(body: ErrorBody): SlipwayError {
    const { code, message, ...facts } = body;
    return new SlipwayError(code in CATALOGUE ? code : "INTERNAL", message, facts);
  }
}

export interface ErrorBody {
  code: ErrorCode;
  message: string;
  hint: string;
  where?: string;
  given?: string;
  allowed?: string;
  details?: Record<string, unknown>;
}

/** Any thrown thing as a SlipwayError; unknown ones become INTERNAL and keep their cause for the log. */
export function toSlipwayError(error: unknown): SlipwayError {
  if (error instanceof SlipwayError) return error;
  const message = error instanceof Error ? error.message : String(error);
  return new SlipwayError("INTERNAL", message, { cause: error });
}
