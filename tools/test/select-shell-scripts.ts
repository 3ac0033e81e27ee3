/** Whether a file is a shell script: by its first line, by the linter's own word for files that are sourced, or by its name. */
function isShellScript(path: string, text: string): boolean {
  return /^#!.*\b(?:ba|da|a)?sh\b/u.test(text) || /^# shellcheck shell=/mu.test(text) || path.endsWith(".sh");
}

/** Of files, from path to text, the paths of those that are shell scripts. */
export function selectShellScripts(texts: ReadonlyMap<string, string>): readonly string[] {
  return [...texts].filter(([path, text]) => isShellScript(path, text)).map(([path]) => path);
}
