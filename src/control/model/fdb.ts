/** The MAC table: entries as they are seen, given and looked for. */

export const FDB_KINDS = ['dynamic', 'static', 'sticky'] as const;
export type FdbKind = (typeof FDB_KINDS)[number];

export interface FdbEntryView {
  mac: string;
  vlan: number;
  port: string;
  kind: FdbKind;
  ageSeconds: number;
}

/** An entry to be given: `static` never ages or moves, `sticky` ages but does not move while it is alive. */
export interface FdbRequest {
  mac: string;
  port: string;
  /** Default: the port's `vlan`. */
  vlan?: number;
  kind: Exclude<FdbKind, 'dynamic'>;
}

export interface FdbFilter {
  /** Looked up at once in every VLAN, without a walk through the table. */
  mac?: string;
  port?: string;
  vlan?: number;
  kind?: FdbKind;
}

export interface FdbPage {
  entries: FdbEntryView[];
  /** Entries that match the filter, over all pages. */
  total: number;
  nextCursor: string | null;
}

export interface FdbUsage {
  /** Aged ones that are not yet collected included. */
  entries: number;
  /** Static and sticky ones among them. */
  given: number;
  limit: number;
  /** Learned entries that had to go for others since the table was made; modulo 2^32. */
  evictions: number;
}
