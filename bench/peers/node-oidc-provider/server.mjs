// Serves oidc-provider on 127.0.0.1:PORT. Environment: PORT, and what openStorage reads.
import { openStorage } from './adapters.mjs';
import { createProvider } from './provider.mjs';

const port = Number(process.env.PORT ?? 3000);
const storage = await openStorage();
const provider = createProvider(`http://127.0.0.1:${port}`, storage.Adapter);
provider.on('server_error', (ctx, error) => console.error(error));
const server = provider.listen(port, '127.0.0.1', () => console.log(`listening on ${port}`));
process.on('SIGTERM', () => {
  server.close(() => storage.close().then(() => process.exit(0)));
  server.closeAllConnections();
});
