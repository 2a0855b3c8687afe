{
  'targets': [
    {
      'target_name': 'heraldlb',
      'sources': ['addon.c', 'batch.c', 'reader.c', 'ring.c', 'values.c'],
      'cflags': ['-std=gnu11', '-O2', '-Wall', '-Wextra', '-Wno-unused-parameter', '-fvisibility=hidden'],
      'defines': ['NAPI_VERSION=8', '_GNU_SOURCE']
    }
  ]
}
