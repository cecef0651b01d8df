/** What the doctor is asked and says, as HTTP shows it. */
import { z } from '@hono/zod-openapi';
import { FINDING_VERDICTS } from '../../control/doctor/finding.ts';
import { portName, strictObject } from './common.ts';

export const doctorRequest = strictObject({
  port: portName.optional().openapi({ description: 'The port to examine; left out: all of them.' }),
}).openapi('DoctorRequest');

const finding = z
  .object({
    port: portName.nullable().openapi({ description: 'The port; null: the host.' }),
    check: z.string().openapi({ description: 'What was looked at.', example: 'super-frame' }),
    verdict: z.enum(FINDING_VERDICTS).openapi({
      description:
        '`ok`; `slow`: it works, but something makes it slower than it could be; `off`: it is not meant to work as things are set; `broken`: frames are lost or damaged; `unknown`: it cannot be seen from here.',
    }),
    text: z.string().openapi({ description: 'What was found.' }),
    fix: z.string().nullable().openapi({ description: 'What to do about it; null: nothing is to be done.' }),
  })
  .openapi('Finding');

export const doctorView = z.object({
  findings: z.array(finding).openapi({ description: 'The host first, then port by port.' }),
});
