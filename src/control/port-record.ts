/** A port as the control plane keeps it while it is open. */
import type { Attachment, LinkState } from './attach/attachment.ts';
import type { PortSettings } from './model.ts';

export interface PortRecord {
  readonly handle: number;
  readonly attachment: Attachment;
  settings: PortSettings;
  link: LinkState;
  /** It was down since its addresses were forgotten last, however shortly. */
  hasGoneDown: boolean;
  /** Being removed: a worker that starts now is not told of it. */
  isClosing: boolean;
}
