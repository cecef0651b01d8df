/** Recordings as HTTP shows and takes them. */
import { z } from '@hono/zod-openapi';
import { CAPTURE_STATES, RECORDING_ENDS } from '../../control/model.ts';
import { RECORDING_LIMITS } from '../../control/recording/recording-bounds.ts';
import { boundFields } from './bounds.ts';
import { count, moment, optional, strictObject } from './common.ts';

const askedFields = boundFields(RECORDING_LIMITS, {
  count: ', or a batch later',
  bytes: ", in the daemon's memory while it runs, of which each worker has its share",
  seconds: 10,
});

export const recordingRequest = strictObject(optional(askedFields)).openapi('RecordingRequest');

export const recordingId = z.string().openapi({ description: 'Id of the recording.', example: '9f86d081884c7d65' });

export const recordingView = z
  .object({
    id: recordingId,
    state: z.enum(CAPTURE_STATES).openapi({ description: '`waiting` for its reader, `running` or `ended`.' }),
    ...askedFields,
    workers: count('Workers of the switch, each of which records a section of its own. With one, a replay is exact.'),
    started: moment.nullable().openapi({ description: 'When it began to run; null: not yet.' }),
    ended: moment.nullable().openapi({ description: 'When it ended; null: not yet.' }),
    reason: z.enum(RECORDING_ENDS).nullable().openapi({
      description:
        'Why it ended: `stopped` by somebody; it has got its `count`, its `seconds`, its `maxBytes` (`size`); its `reader` went away; a `worker` was replaced; the `daemon` ended. Null: it has not.',
    }),
    frames: count('Frames recorded.'),
    bytes: count('Bytes of the recording.'),
  })
  .openapi('Recording');
