import type { Chart } from "./chart.ts";

/** A text of any length: what is shown at once, and the whole behind a fold when it is long. */
export interface LongText {
  readonly short: string;
  readonly full: string;
}

export interface Cell extends LongText {
  /** Name of the column, shown in front of the cell on narrow screens. */
  readonly label: string;
  readonly style: string;
  readonly href: string;
}

export interface Table {
  readonly id: string;
  readonly title: string;
  readonly note: string;
  readonly columns: readonly { readonly name: string; readonly style: string }[];
  readonly rows: readonly { readonly cells: readonly Cell[] }[];
  /** Rows behind a fold, and what it says. */
  readonly moreTitle: string;
  readonly moreRows: readonly { readonly cells: readonly Cell[] }[];
  /** True when the whole table is detail for the curious. */
  readonly folded: boolean;
}

export interface FactList {
  readonly title: string;
  readonly facts: readonly { readonly name: string; readonly value: string; readonly code: boolean }[];
}

/** What the page's template fills in: finished strings and lists of them, nothing to decide. */
export interface Page {
  readonly documentTitle: string;
  readonly name: string;
  readonly startedAt: string;
  readonly tone: "good" | "bad" | "warn";
  readonly good: boolean;
  readonly bad: boolean;
  readonly verdict: string;
  readonly figure: string;
  readonly unit: string;
  readonly figureNote: string;
  readonly summary: string;
  readonly standIn: boolean;
  readonly tiles: readonly { readonly name: string; readonly value: string; readonly note: string; readonly style: string }[];
  readonly problems: readonly {
    readonly code: string;
    readonly subject: string;
    readonly message: LongText;
    readonly hint: string;
  }[];
  readonly chartText: string;
  readonly charts: readonly Chart[];
  readonly tables: readonly Table[];
  readonly facts: readonly FactList[];
  readonly command: string;
  readonly toolVersion: string;
  readonly icon: string;
}
