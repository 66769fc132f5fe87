import type { FastifyReply } from "fastify";

/** A page of ours: no script, nothing loaded, forms to this platform only, in no frame. */
const POLICY = "default-src 'none'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'";

export function sendPage(reply: FastifyReply, status: number, title: string, body: string): FastifyReply {
  return reply
    .status(status)
    .header("content-security-policy", POLICY)
    .header("cache-control", "no-store")
    .header("referrer-policy", "no-referrer")
    .header("x-content-type-options", "nosniff")
    .type("text/html; charset=utf-8")
    .send(
      `<!doctype html>\n<html lang="en"><head><meta charset="utf-8">` +
        `<meta name="viewport" content="width=device-width"><title>${escapeHtml(title)}</title></head>\n` +
        `<body><main><h1>${escapeHtml(title)}</h1>\n${body}\n</main></body></html>\n`,
    );
}

export function passwordForm(to: string, problem: string | null): string {
  return `${problem === null ? "" : `<p role="alert">${escapeHtml(problem)}</p>\n`}<form method="post" action="/login/password">
<input type="hidden" name="to" value="${escapeHtml(to)}">
<p><label>Name <input name="name" autocomplete="username" required autofocus></label></p>
<p><label>Password <input name="password" type="password" autocomplete="current-password" required></label></p>
<p><button>Sign in</button></p>
</form>`;
}

export function codeForm(): string {
  return `<form method="get" action="/login/device">
<p><label>Code <input name="code" autocomplete="off" required autofocus placeholder="BCDF-GHJK"></label></p>
<p><button>Go on</button></p>
</form>`;
}

export function confirmForm(device: { userCode: string; client: string; person: string }): string {
  const { userCode, client, person } = device;
  return `<p>The command line of <strong>${escapeHtml(client)}</strong> asks to act as <strong>${escapeHtml(person)}</strong>.
Confirm only when you started it yourself, just now, and it shows this code:</p>
<p><strong>${escapeHtml(userCode)}</strong></p>
<form method="post" action="/login/device">
<input type="hidden" name="code" value="${escapeHtml(userCode)}">
<p><button>Confirm</button></p>
</form>`;
}

export function escapeHtml(text: string): string {
  return text
    .replaceAll("&", "&amp;")
    .replaceAll("<", "&lt;")
    .replaceAll(">", "&gt;")
    .replaceAll('"', "&quot;");
}
