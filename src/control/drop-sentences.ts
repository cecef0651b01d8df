/** The sentences of the drop reasons, for those who show them: API and command line see the switch through control. */
export { DROP_SENTENCES } from '../switching/drop-reasons.ts';
