/** `npm run docs`: writes the pages that are made from the code. */
import { writeFileSync } from 'node:fs';
import { API_PAGE, apiPage } from './api-page.ts';
import { CLI_PAGE, cliPage } from './cli-page.ts';
import { LOGIC_API_PAGE, logicApiPage } from './logic-api-page.ts';

writeFileSync(API_PAGE, await apiPage());
writeFileSync(CLI_PAGE, cliPage());
writeFileSync(LOGIC_API_PAGE, await logicApiPage());
