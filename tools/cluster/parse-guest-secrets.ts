const SHORTEST = 6;

/**
 * The secrets in k3s's token and password files, each worth hiding by itself: a token as a whole, and the password within the full form
 * `K10<hash>::<user>:<password>` (k3s's docs, "token"); of a CSV line (server/cred/passwd) the first field; of a `K3S_TOKEN=` line its value. Words
 * shorter than six characters are left out: they would hide innocent text.
 */
export function parseGuestSecrets(text: string): readonly string[] {
  const secrets = text.split("\n").flatMap((line) => {
    const whole = line
      .trim()
      .replace(/^(?:K3S_(?:AGENT_)?TOKEN=|(?:agent-)?token:\s*)/u, "")
      .replace(/^(["'])(.*)\1$/u, "$2");
    const password = /^K10[0-9a-f]+::(?:[^:]*:)?(.+)$/u.exec(whole)?.[1];
    const field = /^([^,\s]+),/u.exec(whole)?.[1];
    return [field ?? whole, password ?? ""];
  });
  return [...new Set(secrets)].filter((secret) => secret.length >= SHORTEST);
}
