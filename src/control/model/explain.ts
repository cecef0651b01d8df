/** What the switch would do with a frame, in words. */

export const EXPLAIN_STAGES = ['admit', 'vlan', 'logic', 'source', 'destination', 'egress'] as const;
export type ExplainStage = (typeof EXPLAIN_STAGES)[number];

export interface ExplainRequest {
  port: string;
  /** The frame from its destination address on, without FCS, in hex; spaces, colons and line breaks are ignored. */
  frame: string;
}

/** What becomes of one copy. */
export interface ExplainedCopy {
  port: string;
  /** As it would be sent, in hex; null if it is not. */
  frame: string | null;
  /** In words, like the sample of a drop. */
  summary: string | null;
  /** Why it is not sent. */
  reason: string | null;
  text: string;
}

/** What the switch would do with a frame that arrived now. */
export interface ExplainView {
  port: string;
  summary: string;
  outcome: 'forwarded' | 'flooded' | 'dropped';
  /** Drop reason at ingress, with its sentence; null if it is not dropped there. */
  reason: string | null;
  vlan: number | null;
  stages: { stage: ExplainStage; verdict: string; text: string }[];
  /** Every port of the frame's VLAN, and why it gets a copy or does not. */
  egress: ExplainedCopy[];
}
