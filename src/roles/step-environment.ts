const NAMES = new Set([
  "PATH",
  "HOME",
  "USER",
  "LOGNAME",
  "LANG",
  "TZ",
  "TMPDIR",
  "SHELL",
  "HTTP_PROXY",
  "HTTPS_PROXY",
  "NO_PROXY",
  "ALL_PROXY",
  "http_proxy",
  "https_proxy",
  "no_proxy",
  "all_proxy",
  "SSL_CERT_FILE",
  "SSL_CERT_DIR",
  "REQUESTS_CA_BUNDLE",
  "CURL_CA_BUNDLE",
  "NODE_EXTRA_CA_CERTS",
  "PYENV_ROOT",
]);
const PREFIXES = ["LC_", "PIP_", "UV_", "npm_config_", "NPM_CONFIG_"];

/**
 * What our processes and the steps of pipelines see of the environment: where programs and packages are found,
 * nothing that may hold a secret of another program.
 */
export function stepEnvironment(env: Readonly<Record<string, string | undefined>>): Record<string, string> {
  const seen: Record<string, string> = {};
  for (const [name, value] of Object.entries(env))
    if (value !== undefined && (NAMES.has(name) || PREFIXES.some((prefix) => name.startsWith(prefix))))
      seen[name] = value;
  return seen;
}
