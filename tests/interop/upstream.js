// An upstream on Node's own HTTP parser, in its strict mode: answers every request with what it took it to be, as JSON.
// Prints its port once it listens. Ends with its standard input.
'use strict';
const http = require('http');

const server = http.createServer({ insecureHTTPParser: false, requireHostHeader: true, maxHeaderSize: 128 * 1024 });
server.keepAliveTimeout = 60_000;

server.on('request', (request, response) => {
  const parts = [];
  request.on('data', (part) => parts.push(part));
  request.on('end', () => {
    const seen = {
      method: request.method,
      target: request.url,
      version: request.httpVersion,
      fields: request.rawHeaders,
      trailers: request.rawTrailers,
      body: Buffer.concat(parts).toString('hex'),
    };
    const body = JSON.stringify(seen);
    response.writeHead(200, { 'Content-Type': 'application/json', 'Content-Length': Buffer.byteLength(body) });
    response.end(body);
  });
});

// What the parser refuses is answered in a way no test can take for success.
server.on('clientError', (error, socket) => {
  const body = JSON.stringify({ refused: error.code, near: (error.rawPacket || '').toString('latin1').slice(0, 400) });
  if (socket.writable) {
    socket.end(`HTTP/1.1 400 Refused By Node\r\nContent-Length: ${Buffer.byteLength(body)}\r\nConnection: close\r\n\r\n${body}`);
  }
});

server.listen(0, '127.0.0.1', () => console.log(server.address().port));
process.stdin.on('end', () => process.exit(0)).resume();
