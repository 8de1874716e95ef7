var REASONS = {301: 'Moved Permanently', 302: 'Found', 404: 'Not Found', 503: 'Service Unavailable'};

// say turns an answer into what CloudFront takes: a request for the origin, or
// a response. The query is not for the origin, where S3 takes commands in it.
function say(request, a) {
  var headers, response;
  if (a.status === 200) {
    request.uri = a.key;
    request.querystring = {};
    return request;
  }
  headers = {'cache-control': {value: a.cache}};
  response = {statusCode: a.status, statusDescription: REASONS[a.status], headers: headers};
  if (a.location) {
    headers.location = {value: a.location};
    return response;
  }
  headers['content-type'] = {value: 'text/plain'};
  response.body = {encoding: 'text', data: REASONS[a.status] + '\n'};
  return response;
}

function query(request) {
  var raw = request.rawQueryString();
  return raw === undefined ? '' : '?' + raw;
}
