/** Characters of a preview that is taken from the spans. */
const MAX_PREVIEW = 1000;

/**
 * What a list of traces shows of a request or a response: the last message of that role when the JSON holds a
 * conversation (OpenAI's requests and answers), else the text itself. Pure.
 */
export function previewOf(json: string | null, role: "user" | "assistant"): string | null {
  if (json === null) return null;
  let text = "";
  try {
    text = lastMessage(JSON.parse(json), role);
  } catch {
    // NaN and infinities, which Python writes and JSON doesn't know: the text is shown as it is.
  }
  text = text === "" ? json : text.replaceAll("\0", "\uFFFD");
  return text.length <= MAX_PREVIEW ? text : `${text.slice(0, MAX_PREVIEW - 3)}...`;
}

function lastMessage(value: unknown, role: string): string {
  const messages = messagesOf(value);
  const message = messages.findLast((item) => item["role"] === role) ?? messages.at(-1);
  return message ? contentText(message["content"]) : "";
}

type Message = Record<string, unknown>;

function messagesOf(value: unknown): Message[] {
  if (!isObject(value)) return [];
  for (const key of ["messages", "choices", "input", "output"]) {
    const list = value[key];
    if (!Array.isArray(list) || list.length === 0) continue;
    if (key !== "choices") return (list as unknown[]).filter(isMessage);
    const [choice] = list as unknown[];
    if (isObject(choice) && isMessage(choice["message"])) return [choice["message"]];
  }
  return messagesOf(value["request"]);
}

function contentText(content: unknown): string {
  if (typeof content === "string") return content;
  if (!Array.isArray(content)) return "";
  for (const part of content as unknown[]) {
    if (typeof part === "string") return part;
    if (!isObject(part) || (part["type"] !== "text" && part["type"] !== "output_text")) continue;
    return typeof part["text"] === "string" ? part["text"] : "";
  }
  return "";
}

function isMessage(value: unknown): value is Message {
  return isObject(value) && "role" in value && "content" in value;
}

function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}
