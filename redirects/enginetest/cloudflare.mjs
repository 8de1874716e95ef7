// What Cloudflare does around a worker: it makes a Request of what came, and
// sends the Response.
import http from 'node:http';
import worker from './worker.mjs';
const [port, bucket] = process.argv.slice(2);
http.createServer({keepAliveTimeout: 60000}, async (req, res) => {
	const r = await worker.fetch(new Request('http://' + req.headers.host + req.url, {method: req.method, headers: req.headers}), {ORIGIN: bucket});
	res.writeHead(r.status, Object.fromEntries(r.headers));
	res.end(req.method === 'HEAD' ? undefined : Buffer.from(await r.arrayBuffer()));
}).listen(port, '127.0.0.1');
