// The console asks for this header with everything that changes something.
SwaggerUIBundle({
  url: '/openapi.json',
  dom_id: '#swagger',
  deepLinking: true,
  requestInterceptor: (request) => {
    request.headers['X-Isthmus-Console'] = '1'
    return request
  },
})
