/** A port as the control plane keeps it while it is open. */
import type { Attachment, LinkState } from './attach/attachment.ts';
import type { PortSettings } from './model.ts';

export interface PortRecord {
  readonly handle: number;
  readonly attachment: Attachment;
  settings: PortSettings;
  link: LinkState;
}
