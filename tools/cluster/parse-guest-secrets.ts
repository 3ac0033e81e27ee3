const SHORTEST = 6;

/** `datastore-endpoint:` of config.yaml, and the variable of the same meaning (docs.k3s.io, "cli/server"). */
const ENDPOINT = /^(?:datastore-endpoint:\s*|K3S_DATASTORE_ENDPOINT=)["']?/u;
/** The password in a URL, or in Go's name of a MySQL data source; it may hold "@" itself. */
const PASSWORD_IN_URL = /^(?:[a-z][a-z0-9+.-]*:\/\/)?[^:@/]*:(.+)@/iu;

/** The password as it is written, and as it is where the URL has it encoded. */
function parseEndpointPassword(endpoint: string): readonly string[] {
  const password = PASSWORD_IN_URL.exec(endpoint)?.[1];
  if (password === undefined) return [];
  try {
    return [password, decodeURIComponent(password)];
  } catch {
    // A percent sign that encodes nothing, as MySQL's names may have.
    return [password];
  }
}

/**
 * The secrets in k3s's token and password files, each worth hiding by itself: a token as a whole, and the password within the full form
 * `K10<hash>::<user>:<password>` (k3s's docs, "token"); of a CSV line (server/cred/passwd) the first field; of a `K3S_TOKEN=` line its value; of a
 * datastore's endpoint the password. Words shorter than six characters are left out: they would hide innocent text.
 */
export function parseGuestSecrets(text: string): readonly string[] {
  const secrets = text.split("\n").flatMap((raw) => {
    const line = raw.trim();
    if (ENDPOINT.test(line)) return parseEndpointPassword(line.replace(ENDPOINT, ""));
    const whole = line.replace(/^(?:K3S_(?:AGENT_)?TOKEN=|(?:agent-)?token:\s*)/u, "").replace(/^(["'])(.*)\1$/u, "$2");
    const password = /^K10[0-9a-f]+::(?:[^:]*:)?(.+)$/u.exec(whole)?.[1];
    const field = /^([^,\s]+),/u.exec(whole)?.[1];
    return [field ?? whole, password ?? ""];
  });
  return [...new Set(secrets)].filter((secret) => secret.length >= SHORTEST);
}
