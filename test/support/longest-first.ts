/**
 * The order in which test files begin: those that take longest first, so that none of them is left over when all else is done.
 * Where vitest does not know how long each took the last time, it goes by their sizes, which say little.
 */
import { basename } from 'node:path';
import { BaseSequencer, type TestSpecification } from 'vitest/node';

/** Half a minute or more each where two processors are busy, the longest first. */
const LONG = [
  'networks-kept',
  'docker',
  'docker-restarts',
  'churn',
  'networks',
  'crashes',
  'demo',
  'kept-state',
  'lifecycle',
  'record',
  'logic-kept',
  'logic-leaks',
  'bandwidth',
  'logic',
  'daemon',
  'network-gateway',
  'logics-kept',
  'nics',
  'api-fuzz',
  'capture',
  'links',
  'package',
  'packet-ring',
  'cli-logic',
];

function rank({ moduleId }: TestSpecification): number {
  const at = LONG.indexOf(basename(moduleId, '.test.ts'));
  return at < 0 ? LONG.length : at;
}

export class LongestFirst extends BaseSequencer {
  override async sort(files: TestSpecification[]): Promise<TestSpecification[]> {
    const sorted = await super.sort(files);
    const group = ({ project }: TestSpecification): number => project.config.sequence.groupOrder;
    return sorted.sort((a, b) => group(a) - group(b) || rank(a) - rank(b));
  }
}
