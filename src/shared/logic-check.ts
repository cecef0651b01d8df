/** What the thread that checks a logic is given, and what it answers; plain data. */

export interface LogicCheckTask {
  /** The copy to load, and the file that it is a copy of. */
  module: string;
  file: string;
  /** As they were given, before the schema. */
  params: object;
  /** Whether the contract is run; if not, only what the file says and its parameters are looked at. */
  isWhole: boolean;
  /** Whether its speed is measured. */
  isTimed: boolean;
}

export interface LogicCheckAnswer {
  /** What the definition says of itself (switching/logic-shape.ts). */
  shape: unknown;
  /** As the schema gives them. */
  params: unknown;
  /** The schema as JSON Schema; null: it takes none. */
  paramsSchema: object | null;
  rules: { rule: string; holds: boolean; text: string }[];
  speed: { nsPerFrame: number; builtInNsPerFrame: number; heapBytesPerFrame: number } | null;
}

export type LogicCheckResult =
  | { answer: LogicCheckAnswer }
  | { error: { message: string; stack: string | null; problems: { field: string; problem: string }[] } };
