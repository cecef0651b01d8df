/** The note on a message of a gather list: what the message is of its frame, and which frame of the batch that is. */

export const WHOLE = 0;
export const SUPER = 1;
export const SEGMENT = 2;
export const LAST_SEGMENT = 3;

export const NOTE_KIND = 3;
/** The frame's index lies from this bit on. */
export const NOTE_FRAME = 2;
