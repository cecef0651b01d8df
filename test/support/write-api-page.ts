/** `npm run docs`: writes docs/api.md. */
import { writeFileSync } from 'node:fs';
import { API_PAGE, apiPage } from './api-page.ts';

writeFileSync(API_PAGE, await apiPage());
