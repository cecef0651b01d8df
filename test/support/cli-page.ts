/** docs/cli.md as it is made from the program. */
import { join } from 'node:path';
import { renderCliMarkdown } from '../../src/cli/docs-markdown.ts';
import { makeProgram } from '../../src/cli/program.ts';

export const CLI_PAGE = join(import.meta.dirname, '../../docs/cli.md');

export function cliPage(): string {
  return renderCliMarkdown(makeProgram());
}
