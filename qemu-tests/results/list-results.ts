/** Prints the last result of each test of this source that META_K3S_TEST_RESULTS=FILE holds, as `npm run test:all` ends. */
import { readResults } from "./read-results.ts";
import { readSourceDigest } from "./read-source-digest.ts";
import { renderResultTable } from "./render-result-table.ts";
import { selectLastResults } from "./select-results.ts";

const source = await readSourceDigest();
const results = await readResults(process.env["META_K3S_TEST_RESULTS"] ?? "");
process.stdout.write(`${renderResultTable(selectLastResults(results, source), source)}\n`);
