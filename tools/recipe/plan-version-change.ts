import { parseDocument } from "yaml";

/** versions.yaml with another version (and commit) for one program; comments and layout stay. `commit` undefined takes the pin out. */
export function planVersionChange(
  text: string,
  change: { readonly name: string; readonly version: string; readonly commit: string | undefined },
): string {
  const document = parseDocument(text);
  document.setIn(["programs", change.name, "version"], change.version);
  if (change.commit === undefined) document.deleteIn(["programs", change.name, "commit"]);
  else document.setIn(["programs", change.name, "commit"], change.commit);
  return document.toString({ lineWidth: 0, flowCollectionPadding: true });
}
