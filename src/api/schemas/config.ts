/** The wished state as HTTP shows and takes it: one document. */
import { FDB_LIMIT_MAX, PORTS_MAX } from '../../limits.ts';
import { list, strictObject } from './common.ts';
import { fdbRequest } from './fdb.ts';
import { portRequest } from './port.ts';
import { switchPatch } from './switch.ts';

export const config = strictObject({
  switch: switchPatch.optional().openapi({
    description: "The switch's settings. A setting that is left out has its default.",
  }),
  ports: list(portRequest, PORTS_MAX).openapi({
    description: `All ports, ${PORTS_MAX} at most; a port that is not among them is removed. A field that is left out has its default; only a MAC address that tswitch chose stays as long as the port does.`,
  }),
  fdb: list(fdbRequest, FDB_LIMIT_MAX).optional().openapi({
    description: 'All static and sticky entries of the FDB; one that is not among them is removed. Left out: none.',
  }),
}).openapi('Config');
