
// What CloudFront does around a Function for viewer-request: what it answers
// is the answer, what it hands on goes to the origin.
const http = require('http');
const [port, bucket] = process.argv.slice(2);
const agent = new http.Agent({keepAlive: true});
http.createServer({keepAliveTimeout: 60000}, async (req, res) => {
	const at = req.url.indexOf('?');
	const r = await handler({request: {
		method: req.method, uri: at < 0 ? req.url : req.url.slice(0, at), querystring: at < 0 ? {} : {a: {value: '1'}}, headers: {}, cookies: {},
		rawQueryString: () => at < 0 ? undefined : req.url.slice(at + 1)
	}});
	if (r.statusCode) {
		const body = req.method === 'HEAD' || !r.body ? '' : r.body.data;
		res.writeHead(r.statusCode, Object.fromEntries(Object.entries(r.headers).map(([name, h]) => [name, h.value])));
		return res.end(body);
	}
	const headers = {};
	for (const name of ['range', 'if-none-match', 'if-modified-since']) if (req.headers[name]) headers[name] = req.headers[name];
	http.request(bucket + r.uri, {method: req.method, headers, agent}, (from) => {
		res.writeHead(from.statusCode, from.headers);
		from.pipe(res);
	}).on('error', (e) => { console.error(e); res.destroy(); }).end();
}).listen(port, '127.0.0.1');
